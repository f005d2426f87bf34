import parsl
from parsl import bash_app
from parsl.app.errors import BashExitFailure
from parsl.config import Config
from parsl.executors import HighThroughputExecutor, ThreadPoolExecutor


# an exit code of 9 says that trying again is of no use
def example_retry_handler(exception, task_record):
    if isinstance(exception, BashExitFailure) and exception.exitcode == 9:
        return 10000
    else:
        return 1


@bash_app
def command(path, code):
    return "echo x >> {}; exit {}".format(path, code)


for executor in (ThreadPoolExecutor(), HighThroughputExecutor(max_workers=1)):
    parsl.load(Config(executors=[executor], retries=2, retry_handler=example_retry_handler))
    usual, final = command(executor.label + ".1", 1), command(executor.label + ".9", 9)
    print(usual.exception().exitcode, final.exception().exitcode)
    for name in (".1", ".9"):
        with open(executor.label + name) as f:
            print(len(f.readlines()), "tries")
    parsl.clear()
