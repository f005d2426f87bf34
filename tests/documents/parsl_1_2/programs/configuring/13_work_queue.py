from parsl.config import Config
from parsl.executors import WorkQueueExecutor

config = Config(
    executors=[
        WorkQueueExecutor(
            label="parsl_wq_example",
            # workers find the manager by this port,
            port=50055,
            # or by this name
            project_name="WorkQueueExample",
            # files that all hosts see
            shared_fs=True,
            # do not cancel tasks for want of space
            full_debug=False,
        )
    ]
)

(executor,) = config.executors
assert (executor.port, executor.project_name, executor.shared_fs) == (50055, "WorkQueueExample", True)
