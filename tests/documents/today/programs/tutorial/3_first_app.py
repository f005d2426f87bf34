import parsl
from parsl.app.app import python_app
from parsl.configs.local_threads import config

parsl.load(config)


@python_app
def answer():
    return "forty-two"


print(answer().result())
