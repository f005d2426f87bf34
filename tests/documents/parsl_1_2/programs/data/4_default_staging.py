from parsl.config import Config
from parsl.data_provider.data_manager import default_staging
from parsl.data_provider.file_noop import NoOpFileStaging
from parsl.data_provider.ftp import FTPSeparateTaskStaging
from parsl.data_provider.http import HTTPSeparateTaskStaging
from parsl.executors import HighThroughputExecutor

config = Config(
    executors=[
        HighThroughputExecutor(
            storage_access=default_staging,
            # which is at least
            # storage_access=[NoOpFileStaging(), FTPSeparateTaskStaging(), HTTPSeparateTaskStaging()],
        )
    ]
)

kinds = {type(staging) for staging in config.executors[0].storage_access}
assert {NoOpFileStaging, FTPSeparateTaskStaging, HTTPSeparateTaskStaging} <= kinds, kinds
