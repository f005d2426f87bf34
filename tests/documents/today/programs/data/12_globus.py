from parsl.config import Config
from parsl.data_provider.data_manager import default_staging
from parsl.data_provider.globus import GlobusStaging
from parsl.executors import HighThroughputExecutor

config = Config(
    executors=[
        HighThroughputExecutor(
            working_dir="/home/user/project",
            storage_access=default_staging
            + [
                GlobusStaging(
                    endpoint_uuid="00000000-1111-2222-3333-444444444444",
                    endpoint_path="/",
                    local_path="/home/user",
                )
            ],
        )
    ]
)

globus = config.executors[0].storage_access[-1]
assert isinstance(globus, GlobusStaging)
assert (globus.endpoint_path, globus.local_path) == ("/", "/home/user")
