import os

import parsl
from parsl.app.app import bash_app, python_app
from parsl.data_provider.files import File

parsl.load()


@python_app
def roll(sides):
    from random import randint

    return randint(1, sides)


@bash_app
def write_down(number, outputs=[]):
    return "echo %s &> %s" % (number, outputs[0])


thrown = roll(20)
print("Thrown: %s" % thrown.result())

written = write_down(thrown, outputs=[File(os.path.join(os.getcwd(), "thrown.txt"))])

with open(written.outputs[0].result(), "r") as f:
    shown = f.read()
print("Written: %s" % shown)
assert int(shown) == thrown.result() and 1 <= int(shown) <= 20
