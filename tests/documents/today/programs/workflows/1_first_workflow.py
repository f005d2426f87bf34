import parsl
from parsl import python_app
from parsl.configs.htex_local import config


@python_app
def half(x):
    return x / 2


if __name__ == "__main__":
    with parsl.load(config):
        future = half(9)
        print(f"9 / 2 = {future.result()}")
