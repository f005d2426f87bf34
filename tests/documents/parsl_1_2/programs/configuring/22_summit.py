from parsl.addresses import address_by_interface
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.launchers import JsrunLauncher
from parsl.providers import LSFProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            label="Summit_HTEX",
            # on Summit the login node has to be named
            address=address_by_interface("lo"),  # ib0 there
            worker_port_range=(50000, 55000),
            provider=LSFProvider(
                launcher=JsrunLauncher(),
                walltime="00:10:00",
                nodes_per_block=2,
                init_blocks=1,
                max_blocks=1,
                worker_init="",
                project="YOUR_PROJECT_ALLOCATION",
                cmd_timeout=60,
            ),
        )
    ],
)

provider = config.executors[0].provider
assert isinstance(provider.launcher, JsrunLauncher)
assert (provider.project, provider.cmd_timeout) == ("YOUR_PROJECT_ALLOCATION", 60)
