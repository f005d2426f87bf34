from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.launchers import AprunLauncher
from parsl.providers import CobaltProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            label="theta_local_htex_multinode",
            max_workers=4,
            provider=CobaltProvider(
                queue="YOUR_QUEUE",
                account="YOUR_ACCOUNT",
                launcher=AprunLauncher(overrides="-d 64"),
                walltime="00:30:00",
                nodes_per_block=2,
                init_blocks=1,
                min_blocks=1,
                max_blocks=1,
                # a line such as #COBALT -t 50
                scheduler_options="",
                worker_init="",
                cmd_timeout=120,
            ),
        )
    ],
)

provider = config.executors[0].provider
assert provider.launcher.overrides == "-d 64"
assert (provider.queue, provider.walltime) == ("YOUR_QUEUE", "00:30:00")
