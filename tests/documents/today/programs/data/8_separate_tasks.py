from parsl.config import Config
from parsl.data_provider.ftp import FTPSeparateTaskStaging
from parsl.data_provider.http import HTTPSeparateTaskStaging
from parsl.executors import HighThroughputExecutor

config = Config(
    executors=[
        HighThroughputExecutor(
            storage_access=[HTTPSeparateTaskStaging(), FTPSeparateTaskStaging()],
        )
    ]
)

http, ftp = config.executors[0].storage_access
assert isinstance(http, HTTPSeparateTaskStaging) and isinstance(ftp, FTPSeparateTaskStaging)
