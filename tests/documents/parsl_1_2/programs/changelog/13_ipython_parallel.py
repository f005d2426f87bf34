from parsl.channels import SSHChannel
from parsl.config import Config
from parsl.executors.ipp import IPyParallelExecutor
from parsl.executors.ipp_controller import Controller
from parsl.providers import SlurmProvider

username, public_ip, script_dir = "user", "192.0.2.17", "/scratch/user/scripts"

config = Config(
    executors=[
        IPyParallelExecutor(
            provider=SlurmProvider(
                "westmere",
                channel=SSHChannel(
                    hostname="swift.rcc.uchicago.edu",
                    username=username,
                    script_dir=script_dir,
                ),
                init_blocks=1,
                min_blocks=1,
                max_blocks=2,
                nodes_per_block=1,
                parallelism=0.5,
                worker_init="module load python",
            ),
            label="midway_ipp",
            workers_per_node=4,
            controller=Controller(public_ip=public_ip),
        )
    ]
)

(executor,) = config.executors
assert executor.label == "midway_ipp"
assert executor.provider.channel.hostname == "swift.rcc.uchicago.edu"
