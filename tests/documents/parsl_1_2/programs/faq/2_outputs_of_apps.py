import parsl
from parsl import bash_app

parsl.load()


@bash_app
def hello(msg, stdout=None):
    return "echo {}".format(msg)


# the output of the command goes to hello.txt
future = hello("Hello world", stdout="hello.txt")
future.result()
with open("hello.txt") as f:
    print(f.read())
