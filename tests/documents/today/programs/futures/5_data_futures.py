import parsl
from parsl import File, bash_app

parsl.load()


@bash_app
def note(message, outputs=()):
    return "echo {} &> {}".format(message, outputs[0])


noted = note("milk and honey", outputs=[File("note1.txt")])
print([output.filepath for output in noted.outputs])

with open(noted.outputs[0].result().filepath, "r") as f:
    print(f.read())


# and for an app that reads the file
@bash_app
def read_aloud(inputs=(), stdout="aloud.txt"):
    return "tr a-z A-Z < {}".format(inputs[0].filepath)


read_aloud(inputs=[noted.outputs[0]]).result()
with open("aloud.txt") as f:
    print(f.read())
