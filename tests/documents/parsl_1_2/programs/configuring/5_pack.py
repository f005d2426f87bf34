from parsl.config import Config
from parsl.executors import WorkQueueExecutor

config = Config(
    executors=[
        WorkQueueExecutor(
            # and other options
            pack=True,
        )
    ]
)

assert config.executors[0].pack is True
