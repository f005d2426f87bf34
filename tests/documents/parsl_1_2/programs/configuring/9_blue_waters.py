from parsl.addresses import address_by_hostname
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.launchers import AprunLauncher
from parsl.providers import TorqueProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            label="bw_htex",
            cores_per_worker=1,
            worker_debug=False,
            address=address_by_hostname(),
            provider=TorqueProvider(
                queue="normal",
                launcher=AprunLauncher(overrides="-b -- bwpy-environ --"),
                scheduler_options="",
                worker_init="module load bwpy",
                init_blocks=1,
                max_blocks=1,
                min_blocks=1,
                nodes_per_block=2,
                walltime="00:10:00",
            ),
        )
    ],
)

provider = config.executors[0].provider
assert provider.launcher.overrides == "-b -- bwpy-environ --"
assert (provider.queue, provider.nodes_per_block, provider.walltime) == ("normal", 2, "00:10:00")
