from parsl.config import Config
from parsl.executors import FluxExecutor
from parsl.launchers import SrunLauncher
from parsl.providers import SlurmProvider

config = Config(
    executors=[
        FluxExecutor(
            provider=SlurmProvider(
                partition="pdebug",
                account="my-bank",
                init_blocks=1,
                nodes_per_block=1,
                # flux starts its own processes on the nodes
                launcher=SrunLauncher(overrides="--mpibind=off"),
                walltime="00:10:00",
            )
        )
    ],
)

(executor,) = config.executors
assert executor.label == "FluxExecutor" and executor.provider.account == "my-bank"
assert "--mpibind=off" in executor.provider.launcher("start-workers", 1, 1)
