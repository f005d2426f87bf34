import parsl
from parsl import python_app
from parsl.configs.htex_local import config

config.retries = 2


@python_app
def third_try(path):
    with open(path, "a") as f:
        f.write("I")
    with open(path) as f:
        tries = f.read()
    if tries != "III":
        raise RuntimeError("not yet")
    return tries


@python_app
def never(path):
    with open(path, "a") as f:
        f.write("I")
    raise ValueError("never")


if __name__ == "__main__":
    parsl.load(config)
    print(third_try("third").result())
    print(repr(never("never").exception()))
    with open("never") as f:
        print(f.read())
    parsl.clear()
