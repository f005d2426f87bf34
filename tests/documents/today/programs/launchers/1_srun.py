from parsl import Config
from parsl.executors import HighThroughputExecutor
from parsl.launchers import SrunLauncher
from parsl.providers import SlurmProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            provider=SlurmProvider(
                partition="debug",
                launcher=SrunLauncher(),
            ),
        )
    ],
)

assert "srun" in config.executors[0].provider.launcher("start-workers", 1, 2)
