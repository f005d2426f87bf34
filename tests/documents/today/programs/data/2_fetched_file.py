import os

import parsl
from parsl import File, python_app

parsl.load()


@python_app
def contents(inputs=()):
    with open(inputs[0].filepath, "r") as inp:
        return inp.read()


f = File(os.environ["DOCUMENTS_HTTP"] + "/README.txt")
print(contents(inputs=[f]).result())
