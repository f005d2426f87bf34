import subprocess
import sys

PROGRAM = """
import os, sys
import parsl_like
from parsl_like import Config, HighThroughputExecutor, python_app


@python_app
def who_runs_this():
    import os

    return os.getppid()  # a worker's parent is its manager


htex = HighThroughputExecutor(label="htex", max_workers_per_node=1)
with parsl_like.load(Config(executors=[htex], reattach=60)):
    print(who_runs_this().result(), flush=True)
    if "crash" in sys.argv:
        os.abort()
"""

with open("program.py", "w") as file:
    file.write(PROGRAM)

first = subprocess.run([sys.executable, "program.py", "crash"], capture_output=True, text=True, check=False)
second = subprocess.run([sys.executable, "program.py"], capture_output=True, text=True, check=False)
print("the first program ended with", first.returncode)
print("the second one ended with", second.returncode)
print("the same manager:", first.stdout == second.stdout)
