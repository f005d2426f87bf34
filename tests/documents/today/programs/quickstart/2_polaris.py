from parsl import Config
from parsl.addresses import address_by_hostname
from parsl.executors import HighThroughputExecutor
from parsl.launchers import MpiExecLauncher
from parsl.providers import PBSProProvider

config = Config(
    retries=1,
    executors=[
        HighThroughputExecutor(
            available_accelerators=4,
            address=address_by_hostname(),
            cpu_affinity="alternating",
            provider=PBSProProvider(
                account="my-project",
                worker_init="module load conda; conda activate science",
                walltime="1:00:00",
                queue="debug",
                scheduler_options="#PBS -l filesystems=home:eagle",
                launcher=MpiExecLauncher(bind_cmd="--cpu-bind", overrides="--depth=64 --ppn 1"),
                select_options="ngpus=4",
                nodes_per_block=1,
                cpus_per_node=64,
            ),
        ),
    ],
)

(executor,) = config.executors
provider = executor.provider
assert config.retries == 1
assert executor.cpu_affinity == "alternating" and len(executor.available_accelerators) == 4
assert (provider.queue, provider.select_options, provider.cpus_per_node) == ("debug", "ngpus=4", 64)

command = provider.launcher("start-workers", 1, 2)
assert "mpiexec" in command and "--cpu-bind" in command and "--depth=64 --ppn 1" in command, command
