from parsl.addresses import address_by_interface
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.launchers import SrunLauncher
from parsl.providers import SlurmProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            label="Midway_HTEX_multinode",
            worker_debug=False,
            address=address_by_interface("lo"),  # bond0 there
            max_workers=2,
            provider=SlurmProvider(
                "YOUR_PARTITION",  # such as broadwl
                launcher=SrunLauncher(),
                nodes_per_block=2,
                init_blocks=1,
                min_blocks=1,
                max_blocks=1,
                scheduler_options="",
                worker_init="",
                walltime="00:30:00",
            ),
        )
    ],
)

assert config.executors[0].label == "Midway_HTEX_multinode"
assert config.executors[0].provider.partition == "YOUR_PARTITION"
