import parsl
from parsl import python_app

parsl.load()


@python_app
def invite(name: str) -> str:
    return f"{name}, dinner is ready"


print(invite("Ada").result())
