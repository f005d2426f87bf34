import os
import re

import parsl_like
from parsl_like import AUTO_LOGNAME, Config, HighThroughputExecutor, bash_app


@bash_app
def hello(stdout=AUTO_LOGNAME, stderr=AUTO_LOGNAME):
    return "echo hello"


@bash_app
def broken(stderr=AUTO_LOGNAME):
    return "echo no >&2; exit 1"


with parsl_like.load(Config(executors=[HighThroughputExecutor(label="htex", max_workers_per_node=1)])) as dfk:
    hello().result()
    broken().exception()

names = set()
for folder, _, files in os.walk(dfk.run_dir):
    for file in files:
        name = os.path.relpath(os.path.join(folder, file), dfk.run_dir)
        if not name.endswith(".cancelled"):  # there only if the block had to be told to end
            names.add(re.sub("block-0/[^/]+/", "block-0/<manager>/", name))  # a manager's name has its host in it
print(*sorted(names), sep="\n")
print("latest ->", os.readlink("runinfo/latest"))
