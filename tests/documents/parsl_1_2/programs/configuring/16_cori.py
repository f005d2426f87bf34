from parsl.addresses import address_by_interface
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.launchers import SrunLauncher
from parsl.providers import SlurmProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            label="Cori_HTEX_multinode",
            # the network that nodes and login nodes share
            address=address_by_interface("lo"),  # bond0.144 there
            cores_per_worker=2,
            provider=SlurmProvider(
                "regular",
                nodes_per_block=2,
                init_blocks=1,
                # the kind of node,
                scheduler_options="#SBATCH --constraint=haswell",
                # and the environment on it
                worker_init="module load python/anaconda; source activate parsl_env",
                launcher=SrunLauncher(overrides="-c 64"),
                cmd_timeout=120,
                walltime="00:10:00",
            ),
        )
    ]
)

provider = config.executors[0].provider
assert provider.scheduler_options == "#SBATCH --constraint=haswell"
assert provider.launcher == SrunLauncher(overrides="-c 64")
