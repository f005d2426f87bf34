from parsl.addresses import address_by_hostname, address_by_query, address_by_route  # noqa: F401
from parsl.config import Config
from parsl.executors import HighThroughputExecutor

config = Config(
    executors=[
        HighThroughputExecutor(
            label="ALCF_theta_local",
            address="192.0.2.17",  # the public address of this machine, or one of
            # address=address_by_route(),
            # address=address_by_query(),
            # address=address_by_hostname(),
        )
    ],
)

assert config.executors[0].label == "ALCF_theta_local"
assert config.executors[0].address == "192.0.2.17"
assert callable(address_by_route) and callable(address_by_query) and callable(address_by_hostname)
