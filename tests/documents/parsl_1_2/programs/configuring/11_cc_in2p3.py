from parsl.addresses import address_by_route  # noqa: F401
from parsl.channels import LocalChannel
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import GridEngineProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            label="cc_in2p3_htex",
            address="192.0.2.17",  # address_by_route() finds it there
            max_workers=1,
            provider=GridEngineProvider(
                channel=LocalChannel(),
                nodes_per_block=1,
                init_blocks=2,
                max_blocks=2,
                walltime="00:20:00",
                scheduler_options="",
                worker_init="",
                queue="long",
            ),
        )
    ],
)

provider = config.executors[0].provider
assert isinstance(provider, GridEngineProvider)
assert (provider.init_blocks, provider.max_blocks, provider.queue) == (2, 2, "long")
