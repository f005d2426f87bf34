from parsl.addresses import address_by_interface
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.launchers import MpiRunLauncher
from parsl.monitoring.monitoring import MonitoringHub
from parsl.providers import PBSProProvider

INTERFACE = "lo"  # ib0 there

config = Config(
    executors=[
        HighThroughputExecutor(
            label="hpc_pbspro",
            heartbeat_period=15,
            heartbeat_threshold=120,
            worker_debug=True,
            max_workers=4,
            address=address_by_interface(INTERFACE),
            provider=PBSProProvider(
                launcher=MpiRunLauncher(),
                # an array of jobs
                scheduler_options="#PBS -J 1-10",
                worker_init="module load anaconda",
                account="YOUR_PROJECT_ID",
                queue="normal",
                nodes_per_block=3,
                min_blocks=3,
                max_blocks=5,
                cpus_per_node=24,
                init_blocks=3,
                walltime="24:00:00",
            ),
        ),
    ],
    monitoring=MonitoringHub(
        hub_address=address_by_interface(INTERFACE),
        hub_port=55055,
        resource_monitoring_interval=10,
    ),
    strategy="simple",
    retries=3,
    app_cache=True,
    checkpoint_mode="task_exit",
)

(executor,) = config.executors
assert executor.provider.scheduler_options == "#PBS -J 1-10"
assert executor.provider.cpus_per_node == 24
assert (config.checkpoint_mode, config.retries) == ("task_exit", 3)
assert config.monitoring.resource_monitoring_interval == 10
