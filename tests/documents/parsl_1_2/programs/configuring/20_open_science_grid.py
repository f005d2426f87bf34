from parsl.addresses import address_by_query  # noqa: F401
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import CondorProvider

config = Config(
    executors=[
        HighThroughputExecutor(
            label="OSG_HTEX",
            address="192.0.2.17",  # address_by_query() finds the public one
            max_workers=1,
            provider=CondorProvider(
                nodes_per_block=1,
                init_blocks=4,
                max_blocks=4,
                # where the jobs may go,
                scheduler_options='+ProjectName = "MyProject"',
                requirements='OSGVO_OS_STRING == "RHEL 6" && Arch == "X86_64" && HAS_MODULES == True',
                # and what they do first
                worker_init="source /cvmfs/oasis.opensciencegrid.org/osg/sw/module-init.sh",
                walltime="00:20:00",
            ),
            worker_logdir_root="$OSG_WN_TMP",
            worker_ports=(31000, 31001),
        )
    ]
)

(executor,) = config.executors
assert tuple(executor.worker_ports) == (31000, 31001)
assert executor.provider.requirements.startswith("OSGVO_OS_STRING")
assert executor.provider.init_blocks == 4
