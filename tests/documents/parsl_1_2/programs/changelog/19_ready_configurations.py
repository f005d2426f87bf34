import parsl
from parsl import python_app

# parsl.configs.local had localThreads and localIPP; the modules of today have one configuration each
from parsl.configs.htex_local import config as workers
from parsl.configs.local_threads import config as threads


@python_app
def double(x):
    return x * 2


for config in (threads, workers):
    parsl.load(config)
    print(double(4).result())
    parsl.dfk().cleanup()
    parsl.clear()
