from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import CondorProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            label="OSG_HTEX",
            max_workers_per_node=1,
            provider=CondorProvider(
                nodes_per_block=1,
                init_blocks=4,
                max_blocks=4,
                scheduler_options='+ProjectName = "MyProject"\nRequirements = OSGVO_OS_STRING=="RHEL 8"',
                worker_init="python3 -m venv env; source env/bin/activate",
                walltime="00:20:00",
            ),
            worker_logdir_root="$OSG_WN_TMP",
            worker_port_range=(31000, 31001),
        )
    ],
)

(executor,) = config.executors
assert executor.worker_logdir_root == "$OSG_WN_TMP" and tuple(executor.worker_port_range) == (31000, 31001)
assert "MyProject" in executor.provider.scheduler_options
