from parsl.addresses import address_by_hostname
from parsl.config import Config
from parsl.executors import HighThroughputExecutor

config = Config(
    executors=[
        HighThroughputExecutor(
            label="NERSC_login",
            address=address_by_hostname(),
        )
    ],
)

assert config.executors[0].label == "NERSC_login" and config.executors[0].address
