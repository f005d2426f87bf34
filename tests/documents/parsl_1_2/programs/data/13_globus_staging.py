from parsl.config import Config
from parsl.data_provider.data_manager import default_staging
from parsl.data_provider.globus import GlobusStaging
from parsl.executors import HighThroughputExecutor

config = Config(
    executors=[
        HighThroughputExecutor(
            working_dir="/home/user/scripts",
            storage_access=default_staging
            + [
                GlobusStaging(
                    endpoint_uuid="7d1e5a2c-15cf-11e8-b611-0ac6873fc732",
                    endpoint_path="/",
                    local_path="/home/user",
                )
            ],
        )
    ]
)

*usual, globus = config.executors[0].storage_access
assert isinstance(globus, GlobusStaging)
assert (globus.endpoint_uuid, globus.endpoint_path, globus.local_path) == (
    "7d1e5a2c-15cf-11e8-b611-0ac6873fc732",
    "/",
    "/home/user",
)
assert len(usual) == len(default_staging), "the list of the defaults stayed as it was"
