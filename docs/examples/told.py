import parsl_like
from parsl_like import Config, HighThroughputExecutor, python_app


@python_app
def bring_down(path):
    """Kills the manager of its block, the first time it runs."""
    import os
    import signal

    if not os.path.exists(path):
        open(path, "w").close()
        os.kill(os.getppid(), signal.SIGKILL)
    return "done"


executor = HighThroughputExecutor(label="htex", max_workers_per_node=1)
with parsl_like.load(Config(executors=[executor])) as dfk:
    print(bring_down("it_has_run").result())
for note in dfk.summary().notes:
    print(note)
