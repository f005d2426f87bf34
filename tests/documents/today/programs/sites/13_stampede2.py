from parsl.config import Config
from parsl.data_provider.data_manager import default_staging
from parsl.data_provider.globus import GlobusStaging
from parsl.executors import HighThroughputExecutor
from parsl.launchers import SrunLauncher
from parsl.providers import SlurmProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            label="Stampede2_HTEX",
            max_workers_per_node=2,
            provider=SlurmProvider(
                nodes_per_block=2,
                init_blocks=1,
                min_blocks=1,
                max_blocks=1,
                partition="development",
                scheduler_options="",
                worker_init="",
                launcher=SrunLauncher(),
                walltime="00:30:00",
            ),
            storage_access=default_staging
            + [
                GlobusStaging(
                    endpoint_uuid="00000000-1111-2222-3333-444444444444",
                    endpoint_path="/",
                    local_path="/",
                )
            ],
        )
    ],
)

(executor,) = config.executors
assert isinstance(executor.storage_access[-1], GlobusStaging)
assert executor.provider.partition == "development"
