from parsl.config import Config
from parsl.executors import WorkQueueExecutor

config = Config(
    executors=[
        WorkQueueExecutor(
            # and other options
            autolabel=True,
            autocategory=True,
        )
    ]
)

assert config.executors[0].autolabel is True
assert config.executors[0].autocategory is True
