from parsl.addresses import address_by_hostname, address_by_query, address_by_route
from parsl.config import Config
from parsl.executors import HighThroughputExecutor

config = Config(
    executors=[
        HighThroughputExecutor(
            label="ALCF_local",
            address="192.0.2.17",  # or address_by_route(), address_by_query(), address_by_hostname()
        )
    ],
)

assert config.executors[0].address == "192.0.2.17"
assert all(map(callable, (address_by_route, address_by_query, address_by_hostname)))
