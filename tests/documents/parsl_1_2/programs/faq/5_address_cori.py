from parsl.addresses import address_by_hostname
from parsl.config import Config
from parsl.executors import HighThroughputExecutor

config = Config(
    executors=[
        HighThroughputExecutor(
            label="NERSC_Cori",
            address=address_by_hostname(),
        )
    ],
)

address = config.executors[0].address
assert isinstance(address, str) and address, address
