import parsl
from parsl import bash_app, python_app
from parsl.data_provider.files import File

parsl.load()


@python_app
def draw(limit):
    """Draw a number."""
    from random import randint

    return randint(1, limit)


@bash_app
def save(message, outputs):
    return "echo {} &> {}".format(message, outputs[0])


message = draw(10)
saved = save(message, outputs=[File("drawn.txt")])

with open(saved.outputs[0].result(), "r") as f:
    assert int(f.read()) == message.result()
