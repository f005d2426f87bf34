import parsl_like
from parsl_like import Config, HighThroughputExecutor, python_app
from parsl_like.providers import LocalProvider

provider = LocalProvider(
    init_blocks=2,
    max_blocks=2,
    worker_init="export GREETING='hello from the block'",
)
executor = HighThroughputExecutor(label="local", provider=provider, max_workers_per_node=1)


@python_app
def greeting():
    import os

    return os.environ["GREETING"]


with parsl_like.load(Config(executors=[executor])) as dfk:
    print(greeting().result())
    blocks = dfk.status()["blocks"]["local"]
    print("blocks:", sorted(blocks["blocks"]), "allowed:", blocks["limits"])
