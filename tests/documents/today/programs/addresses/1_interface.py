from parsl import Config
from parsl.addresses import address_by_interface
from parsl.executors import HighThroughputExecutor
from parsl.launchers import MpiExecLauncher
from parsl.providers import PBSProProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            address=address_by_interface("lo"),  # "bond0", where the nodes reach the login node
            provider=PBSProProvider(
                launcher=MpiExecLauncher(bind_cmd="--cpu-bind", overrides="--depth=64 --ppn 1"),
                account="my-account",
                queue="debug",
                select_options="ngpus=4",
            ),
        ),
    ],
)

assert config.executors[0].address == "127.0.0.1"
assert config.executors[0].provider.queue == "debug"
