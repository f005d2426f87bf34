import parsl
from parsl import File, bash_app

parsl.load()


@bash_app
def cat(inputs=[], outputs=[]):
    return "cat {} > {}".format(inputs[0].filepath, outputs[0].filepath)


with open("hello-0.txt", "w") as f:
    f.write("Hello")

concat = cat(inputs=[File("hello-0.txt")], outputs=[File("hello-1.txt")])
with open(concat.outputs[0].result().filepath) as f:
    print(f.read())
