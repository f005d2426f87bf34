import parsl
from parsl import bash_app, python_app
from parsl.data_provider.files import File

parsl.load()


# a random number
@python_app
def generate(limit):
    from random import randint

    return randint(1, limit)


# its text, in a file
@bash_app
def save(message, outputs=[]):
    return "echo {} &> {}".format(message, outputs[0].filepath)


message = generate(10)
saved = save(message, outputs=[File("output.txt")])

with open(saved.outputs[0].result(), "r") as f:
    shown = f.read()
print(shown)

assert int(shown) == message.result() and 1 <= int(shown) <= 10
