from parsl.launchers import SrunLauncher
from parsl.providers import SlurmProvider


class MyShifterSRunLauncher:
    """Starts one wrapper per node, which enters the container and runs the command there."""

    def __init__(self):
        self.srun_launcher = SrunLauncher()

    def __call__(self, command, tasks_per_node, nodes_per_block):
        new_command = "worker-wrapper {}".format(command)
        return self.srun_launcher(new_command, tasks_per_node, nodes_per_block)


launcher = MyShifterSRunLauncher()
script = launcher("process_worker_pool.py --debug", 2, 4)
assert "srun" in script and "worker-wrapper process_worker_pool.py --debug" in script, script
assert SlurmProvider("debug", launcher=launcher).launcher is launcher
