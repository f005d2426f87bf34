import os

import parsl
from parsl.app.app import bash_app, python_app
from parsl.config import Config
from parsl.data_provider.files import File
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider

parsl.load(
    Config(
        executors=[
            HighThroughputExecutor(
                label="htex_Local",
                cores_per_worker=1,
                provider=LocalProvider(init_blocks=1, max_blocks=1),
            )
        ],
        strategy=None,
    )
)


@bash_app
def generate(outputs=[]):
    return "echo $(( RANDOM )) &> {}".format(outputs[0])


@bash_app
def concat(inputs=[], outputs=[]):
    return "cat {0} > {1}".format(" ".join(i.filepath for i in inputs), outputs[0])


@python_app
def largest(inputs=[]):
    with open(inputs[0], "r") as f:
        return max(int(line) for line in f)


here = os.getcwd()
made = []
for i in range(5):
    made.append(generate(outputs=[File(os.path.join(here, "random-%s.txt" % i))]))
joined = concat(inputs=[i.outputs[0] for i in made], outputs=[File(os.path.join(here, "combined.txt"))])
largest = largest(inputs=[joined.outputs[0]])

numbers = []
for i in range(5):
    made[i].result()
    with open("random-%s.txt" % i) as f:
        numbers.append(int(f.read()))
assert largest.result() == max(numbers)
