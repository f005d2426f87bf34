from parsl import Config
from parsl.executors import WorkQueueExecutor

config = Config(
    executors=[
        WorkQueueExecutor(
            pack=True,
        )
    ]
)

assert config.executors[0].pack is True and config.executors[0].source is False
