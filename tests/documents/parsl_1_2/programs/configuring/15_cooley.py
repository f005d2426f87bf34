from parsl.addresses import address_by_hostname
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.launchers import MpiRunLauncher
from parsl.providers import CobaltProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            label="cooley_htex",
            worker_debug=False,
            cores_per_worker=1,
            address=address_by_hostname(),
            provider=CobaltProvider(
                queue="debug",
                account="YOUR_ACCOUNT",
                launcher=MpiRunLauncher(),
                walltime="00:10:00",
                nodes_per_block=2,
                init_blocks=1,
                min_blocks=1,
                max_blocks=1,
                scheduler_options="",
                worker_init="",
                cmd_timeout=60,
            ),
        )
    ]
)

provider = config.executors[0].provider
assert isinstance(provider.launcher, MpiRunLauncher)
assert (provider.account, provider.queue, provider.cmd_timeout) == ("YOUR_ACCOUNT", "debug", 60)
