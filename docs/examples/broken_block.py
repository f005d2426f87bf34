import parsl_like
from parsl_like import Config, HighThroughputExecutor, python_app
from parsl_like.errors import BadStateException
from parsl_like.providers import LocalProvider

provider = LocalProvider(worker_init="activate-my-environment || exit 1")


@python_app
def work():
    return "done"


with parsl_like.load(Config(executors=[HighThroughputExecutor(label="htex", provider=provider)])):
    try:
        work().result()
    except BadStateException as error:
        print(error)
