import os

import parsl
from parsl.app.app import bash_app
from parsl.data_provider.files import File

parsl.load()


@bash_app
def copy(inputs=[], outputs=[]):
    return "cat %s &> %s" % (inputs[0], outputs[0])


with open(os.path.join(os.getcwd(), "original.txt"), "w") as f:
    f.write("the only copy\n")

infile = File(os.path.join(os.getcwd(), "original.txt"))
outfile = File(os.path.join(os.getcwd(), "copy.txt"))

copied = copy(inputs=[infile], outputs=[outfile])

with open(copied.outputs[0].result(), "r") as f:
    print(f.read())
