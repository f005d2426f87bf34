from concurrent import futures

import parsl
from parsl import python_app
from parsl.config import Config
from parsl.executors.base import ParslExecutor


class SpecifiedExecutor(ParslExecutor):
    """Stands for Work Queue: it is told what each task needs."""

    label = "specified"

    def __init__(self):
        super().__init__()
        self.told = []

    def start(self):
        self.pool = futures.ThreadPoolExecutor(2)

    def submit(self, func, resource_specification, *args, **kwargs):
        self.told.append(resource_specification)
        return self.pool.submit(func, *args, **kwargs)

    def shutdown(self, *args, **kwargs):
        self.pool.shutdown()
        return True

    def scale_in(self, blocks):
        return []

    def scale_out(self, blocks):
        return []


executor = SpecifiedExecutor()
parsl.load(Config(executors=[executor]))


@python_app
def compute(x, parsl_resource_specification={"cores": 1, "memory": 1000, "disk": 1000}):
    return x * 2


print(compute(4).result())
print(executor.told)
