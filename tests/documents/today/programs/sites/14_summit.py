from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.launchers import JsrunLauncher
from parsl.providers import LSFProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            label="Summit_HTEX",
            working_dir="/scratch",
            address="192.0.2.1",  # of the login node's inner network
            worker_port_range=(50000, 55000),
            provider=LSFProvider(
                launcher=JsrunLauncher(),
                walltime="00:10:00",
                nodes_per_block=2,
                init_blocks=1,
                max_blocks=1,
                worker_init="",
                project="my-project",
                cmd_timeout=60,
            ),
        )
    ],
)

provider = config.executors[0].provider
assert provider.project == "my-project" and "jsrun" in provider.launcher("start-workers", 1, 2)
