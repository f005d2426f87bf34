import os

import parsl
from parsl.app.app import bash_app
from parsl.data_provider.files import File

parsl.load()

for i in range(3):
    with open("part-{}.txt".format(i), "w") as f:
        f.write("part {}\n".format(i))


@bash_app
def join_parts(inputs=[], outputs=[]):
    return "cat {} > {}".format(" ".join([i.filepath for i in inputs]), outputs[0])


whole = join_parts(
    inputs=[File(os.path.join(os.getcwd(), "part-{}.txt".format(i))) for i in range(3)],
    outputs=[File(os.path.join(os.getcwd(), "whole.txt"))],
)

# the result of a DataFuture is a File, and a File can be opened
with open(whole.outputs[0].result(), "r") as f:
    print(f.read())
