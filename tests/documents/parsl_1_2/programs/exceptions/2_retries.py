import parsl
from parsl import python_app
from parsl.configs.htex_local import config

config.retries = 2
parsl.load(config)


@python_app
def third_time_lucky(path):
    with open(path, "a") as f:
        f.write("x")
    with open(path) as f:
        tries = len(f.read())
    if tries < 3:
        raise RuntimeError("try %d failed" % tries)
    return tries


@python_app
def hopeless(path):
    with open(path, "a") as f:
        f.write("x")
    raise ValueError("never")


print(third_time_lucky("lucky").result())
print(repr(hopeless("hopeless").exception()))
with open("hopeless") as f:
    print(len(f.read()), "tries")
