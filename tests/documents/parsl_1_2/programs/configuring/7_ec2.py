from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import AWSProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            label="ec2_single_node",
            provider=AWSProvider(
                # a machine image,
                "YOUR_AMI_ID",
                # a key that EC2 knows by this name,
                "YOUR_KEY_NAME",
                # and the identity to ask with
                key_file="FILEPATH",
                region="us-east-1",
                instance_type="t2.small",
                state_file="awsproviderstate.json",
                spot_max_bid=1.0,
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
assert (provider.image_id, provider.key_name) == ("YOUR_AMI_ID", "YOUR_KEY_NAME")
assert (provider.region, provider.max_blocks, provider.walltime) == ("us-east-1", 1, "01:00:00")
