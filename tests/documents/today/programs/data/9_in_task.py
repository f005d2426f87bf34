from parsl.config import Config
from parsl.data_provider.ftp import FTPInTaskStaging
from parsl.data_provider.http import HTTPInTaskStaging
from parsl.executors import HighThroughputExecutor

config = Config(
    executors=[
        HighThroughputExecutor(
            storage_access=[HTTPInTaskStaging(), FTPInTaskStaging()],
        )
    ]
)

http, ftp = config.executors[0].storage_access
assert isinstance(http, HTTPInTaskStaging) and isinstance(ftp, FTPInTaskStaging)
