import parsl
from parsl import bash_app

parsl.load()


@bash_app(cache=True)
def hello(msg, stdout=None):
    return "echo {} | tee --append ran".format(msg)


hello("Hello", stdout="hello.txt").result()
hello("Hello", stdout="hello.txt").result()
hello("Goodbye", stdout="goodbye.txt").result()

with open("ran") as f:
    print(f.read())
