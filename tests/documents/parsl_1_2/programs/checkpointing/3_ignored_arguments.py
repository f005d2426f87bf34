import parsl
from parsl import bash_app

parsl.load()


@bash_app(cache=True, ignore_for_cache=["stdout"])
def hello(msg, stdout=None):
    return "echo {} | tee --append ran".format(msg)


# names of files do not count
hello("Hello", stdout="first.txt").result()
hello("Hello", stdout="second.txt").result()

with open("ran") as f:
    print(f.read())
