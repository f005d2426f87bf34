import parsl
from parsl import Config, bash_app
from parsl.app.errors import BashExitFailure
from parsl.executors import HighThroughputExecutor, ThreadPoolExecutor


# an exit code of 9 says that trying again is of no use
def cost_of_failure(exception, task_record):
    if isinstance(exception, BashExitFailure) and exception.exitcode == 9:
        return 100
    else:
        return 1


@bash_app
def command(path, code):
    return "echo x >> {}; exit {}".format(path, code)


def tries(path):
    with open(path) as f:
        return len(f.readlines())


if __name__ == "__main__":
    for executor in (ThreadPoolExecutor(label="a"), HighThroughputExecutor(label="b")):
        with parsl.load(Config(executors=[executor], retries=2, retry_handler=cost_of_failure)):
            assert command("usual." + executor.label, 1).exception().exitcode == 1
            assert command("final." + executor.label, 9).exception().exitcode == 9
        print(tries("usual." + executor.label), tries("final." + executor.label))
