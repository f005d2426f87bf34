import os

import parsl
from parsl import bash_app

dfk = parsl.load()


@bash_app
def forecast(
    town: str,
    stdout=parsl.AUTO_LOGNAME,  # a file in the run directory
):
    return f'echo "In {town} it rains."'


future = forecast("Bergen")
future.result()

with open(future.stdout, "r") as f:
    print(f.read())

inside = os.path.relpath(os.path.abspath(future.stdout), os.path.join(os.path.abspath(dfk.run_dir), "task_logs"))
assert not inside.startswith(".."), inside
