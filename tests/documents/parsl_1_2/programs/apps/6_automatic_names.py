import os

import parsl
from parsl import bash_app

parsl.load()


@bash_app
def echo(arg, inputs=[], stderr=parsl.AUTO_LOGNAME, stdout=parsl.AUTO_LOGNAME):
    return "echo {} {} {}".format(arg, inputs[0], inputs[1])


future = echo("Hello", inputs=["World", "!"])
future.result()

with open(future.stdout, "r") as f:
    print(f.read())

directory = os.path.relpath(future.stdout, parsl.dfk().run_dir).split(os.sep)[0]
assert directory == "task_logs", future.stdout
assert os.path.basename(future.stdout) == "task_0000_echo.stdout" or "echo" in future.stdout
assert os.path.exists(future.stderr)
