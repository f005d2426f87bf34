from parsl.config import Config
from parsl.executors.taskvine import TaskVineExecutor, TaskVineManagerConfig

config = Config(
    executors=[
        TaskVineExecutor(
            label="parsl-vine-example",
            worker_launch_method="factory",  # a worker on this machine is started
            manager_config=TaskVineManagerConfig(project_name="my-project", shared_fs=True),
        )
    ],
)

(executor,) = config.executors
assert executor.worker_launch_method == "factory"
assert executor.manager_config.project_name == "my-project" and executor.manager_config.shared_fs
