import os

import parsl
from parsl import File, bash_app

parsl.load()


@bash_app
def cat(inputs=[], outputs=[]):
    return "cat {} > {}".format(inputs[0].filepath, outputs[0].filepath)


with open("hello-0.txt", "w") as f:
    f.write("Hello")

# the path of a file that was named by a URL
source = File("file://" + os.path.abspath("hello-0.txt"))
concat = cat(inputs=[source], outputs=[File("hello-1.txt")])
assert source.filepath == os.path.abspath("hello-0.txt")
with open(concat.outputs[0].result().filepath) as f:
    print(f.read())
