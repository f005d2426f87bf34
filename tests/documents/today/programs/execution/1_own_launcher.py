from parsl.launchers import SrunLauncher


class EnterTheContainer:
    def __init__(self):
        self.srun_launcher = SrunLauncher()

    def __call__(self, command, tasks_per_node, nodes_per_block):
        new_command = "run-in-container {}".format(command)
        return self.srun_launcher(new_command, tasks_per_node, nodes_per_block)


script = EnterTheContainer()("start-workers --debug", 2, 4)
assert "run-in-container start-workers --debug" in script and "srun" in script, script
assert EnterTheContainer()("start-workers", 1, 1) == SrunLauncher()("run-in-container start-workers", 1, 1)
