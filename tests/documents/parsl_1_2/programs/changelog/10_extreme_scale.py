from parsl.channels import LocalChannel
from parsl.config import Config
from parsl.executors import ExtremeScaleExecutor
from parsl.launchers import SimpleLauncher
from parsl.providers import LocalProvider

config = Config(
    executors=[
        ExtremeScaleExecutor(
            label="extreme_local",
            ranks_per_node=4,
            provider=LocalProvider(
                channel=LocalChannel(),
                init_blocks=0,
                max_blocks=1,
                launcher=SimpleLauncher(),
            ),
        )
    ],
    strategy=None,
)

(executor,) = config.executors
assert (executor.label, executor.ranks_per_node) == ("extreme_local", 4)
assert isinstance(executor.provider.launcher, SimpleLauncher)
