import os

import parsl
from parsl.app.app import bash_app, python_app
from parsl.data_provider.files import File

parsl.load()


@bash_app
def generate(outputs=[]):
    return "echo $(( RANDOM )) &> {}".format(outputs[0])


@bash_app
def concat(inputs=[], outputs=[]):
    return "cat {0} > {1}".format(" ".join([i.filepath for i in inputs]), outputs[0])


@python_app
def total(inputs=[]):
    total = 0
    with open(inputs[0], "r") as f:
        for line in f:
            total += int(line)
    return total


here = os.getcwd()
made = []
for i in range(5):
    made.append(generate(outputs=[File(os.path.join(here, "number-{}.txt".format(i)))]))

joined = concat(inputs=[i.outputs[0] for i in made], outputs=[File(os.path.join(here, "numbers.txt"))])

total = total(inputs=[joined.outputs[0]])
print(total.result())

numbers = []
for i in range(5):
    with open("number-{}.txt".format(i)) as f:
        numbers.append(int(f.read()))
assert total.result() == sum(numbers)
