"""Takes workflows as lines of JSON on standard input and answers what came of each. Written for Parsl."""

import ast
import json
import os
import sys
import warnings

import parsl
from parsl import AUTO_LOGNAME, Config, File
from parsl.executors import HighThroughputExecutor, ThreadPoolExecutor
from parsl.providers import LocalProvider

from steps import apps_for
from telling import tell, tell_future

WAIT = 30
RETRIES = 2


def cost_of_failure(exception, task_record):
    cost = task_record["kwargs"].get("cost", 1)
    if cost == "raise":
        raise RuntimeError("no cost for %s" % type(exception).__name__)
    return cost


def configuration(run_dir):
    return Config(
        executors=[
            ThreadPoolExecutor(label="threads", max_threads=4),
            HighThroughputExecutor(
                label="htex",
                address="127.0.0.1",
                max_workers_per_node=2,
                cores_per_worker=0.1,
                encrypted=False,
                provider=LocalProvider(init_blocks=1, min_blocks=1, max_blocks=1),
            ),
        ],
        retries=RETRIES,
        retry_handler=cost_of_failure,
        run_dir=run_dir,
        strategy="none",
        exit_mode="wait",
    )


class Workflow:
    """One workflow, as it is built and waited for.

    Args:
        apps: Apps by name.
        folder: Where its files are.
    """

    def __init__(self, apps, folder):
        self.apps = apps
        self.folder = folder
        self.futures = []

    def value(self, said):
        """What an argument stands for."""
        kind, what = said
        if kind == "literal":
            return ast.literal_eval(what)
        if kind == "step":
            return self.futures[what]
        if kind == "part":
            return self.part(*what)
        if kind == "output":
            step, number = what
            return self.futures[step].outputs[number]
        if kind == "file":
            return File(os.path.join(self.folder, what))
        if kind == "path":
            return os.path.join(self.folder, what)
        if kind == "mode":
            path, mode = what
            return (os.path.join(self.folder, path), mode)
        if kind == "list":
            return [self.value(item) for item in what]
        if kind == "auto":
            return AUTO_LOGNAME
        raise ValueError(kind)

    def part(self, step, way):
        future = self.futures[step]
        for operator, name in way:
            future = future[ast.literal_eval(name)] if operator == "item" else getattr(future, name)
        return future

    def run(self, steps):
        """Start every step, then wait for each."""
        for step in steps:
            args = [self.value(said) for said in step["args"]]
            kwargs = {name: self.value(said) for name, said in step["kwargs"].items()}
            self.futures.append(self.apps[step["app"]](*args, **kwargs) if step["app"] else args[0])
        return [self.tell(future) for future in self.futures]

    def tell(self, future):
        told = tell_future(future, WAIT)
        told["status"] = future.task_status()
        told["outputs"] = [tell(output.filepath) for output in future.outputs]
        told["stdout"], told["stderr"] = tell(future.stdout), tell(future.stderr)
        return told

    def files(self):
        """The text of every file."""
        found = {}
        for name in sorted(os.listdir(self.folder)):
            with open(os.path.join(self.folder, name)) as f:
                found[name] = f.read()
        return found


def main(run_dir, answers):
    with parsl.load(configuration(run_dir)) as dfk:
        apps = {label: apps_for(label) for label in ("threads", "htex")}
        for label, some in apps.items():
            assert [future.result(WAIT) for future in [some["same"](n) for n in range(20)]] == list(range(20)), label
        print(json.dumps({"run_dir": os.path.abspath(dfk.run_dir)}), file=answers, flush=True)
        for line in sys.stdin:
            asked = json.loads(line)
            some = apps[asked["executor"]]
            first = some["same"](None).tid
            workflow = Workflow(some, asked["folder"])
            try:
                told = {"outcomes": workflow.run(asked["steps"])}
            except Exception as error:  # what an app raises where it is called
                told = {"raised": "%s: %s" % (type(error).__name__, error)}
            parsl.wait_for_current_tasks()
            told["files"] = workflow.files()
            told["tasks"] = [first + 1, some["same"](None).tid]
            told["steps"] = [future.tid for future in workflow.futures]
            print(json.dumps(told), file=answers, flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    # What tasks print must not come between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    main(sys.argv[1], answers)
