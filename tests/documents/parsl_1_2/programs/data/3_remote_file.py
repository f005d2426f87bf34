import os

import parsl
from parsl import python_app
from parsl.data_provider.files import File

parsl.load()


@python_app
def print_file(inputs=[]):
    with open(inputs[0].filepath, "r") as inp:
        content = inp.read()
    return content


# a file that a web server has
f = File(os.environ["DOCUMENTS_HTTP"] + "/README.txt")

r = print_file(inputs=[f])
print(r.result())
