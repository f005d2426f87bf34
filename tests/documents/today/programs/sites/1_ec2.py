from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import AWSProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            label="ec2_single_node",
            provider=AWSProvider(
                "ami-00000000",  # an image of yours
                "my-key",  # the name of your key
                profile="default",
                state_file="awsproviderstate.json",
                region="us-east-1",
                nodes_per_block=1,
                init_blocks=1,
                max_blocks=1,
                min_blocks=0,
                walltime="01:00:00",
            ),
        )
    ],
)

provider = config.executors[0].provider
assert (provider.image_id, provider.key_name, provider.region) == ("ami-00000000", "my-key", "us-east-1")
