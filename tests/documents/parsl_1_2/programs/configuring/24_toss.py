from parsl.config import Config
from parsl.executors import FluxExecutor
from parsl.launchers import SrunLauncher
from parsl.providers import SlurmProvider

config = Config(
    executors=[
        FluxExecutor(
            provider=SlurmProvider(
                partition="YOUR_PARTITION",
                account="YOUR_ACCOUNT",
                init_blocks=1,
                nodes_per_block=1,
                max_blocks=1,
                walltime="00:30:00",
                # Flux binds by itself
                launcher=SrunLauncher(overrides="--mpibind=off"),
                cmd_timeout=120,
            ),
        )
    ]
)

(executor,) = config.executors
assert executor.label == "FluxExecutor"
assert executor.provider.launcher.overrides == "--mpibind=off"
