from parsl.data_provider.data_manager import default_staging
from parsl.data_provider.globus import GlobusStaging
from parsl.executors import HighThroughputExecutor

# Globus, and what there is without it
executor = HighThroughputExecutor(
    storage_access=default_staging + [GlobusStaging("7d1e5a2c-15cf-11e8-b611-0ac6873fc732")],
)

assert len(executor.storage_access) == len(default_staging) + 1
assert executor.storage_access[-1] == GlobusStaging(endpoint_uuid="7d1e5a2c-15cf-11e8-b611-0ac6873fc732")
