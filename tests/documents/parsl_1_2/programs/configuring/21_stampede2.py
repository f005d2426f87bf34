from parsl.addresses import address_by_interface
from parsl.config import Config
from parsl.data_provider.globus import GlobusStaging
from parsl.executors import HighThroughputExecutor
from parsl.launchers import SrunLauncher
from parsl.providers import SlurmProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            label="Stampede2_HTEX",
            address=address_by_interface("lo"),  # em3 there
            max_workers=2,
            provider=SlurmProvider(
                nodes_per_block=2,
                init_blocks=1,
                min_blocks=1,
                max_blocks=1,
                partition="YOUR_PARTITION",
                scheduler_options="",
                worker_init="",
                launcher=SrunLauncher(),
                walltime="00:30:00",
            ),
            storage_access=[
                GlobusStaging(
                    endpoint_uuid="7d1e5a2c-15cf-11e8-b611-0ac6873fc732",
                    endpoint_path="/",
                    local_path="/",
                )
            ],
        )
    ],
)

(executor,) = config.executors
assert executor.storage_access[0].endpoint_path == "/"
assert executor.provider.max_blocks == 1
