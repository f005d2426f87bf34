from parsl import Config
from parsl.executors import WorkQueueExecutor

config = Config(
    executors=[
        WorkQueueExecutor(
            autolabel=True,
            autocategory=True,
        )
    ]
)

assert config.executors[0].autolabel is True and config.executors[0].autocategory is True
