import parsl
from parsl import File, bash_app

parsl.load()


# from before 1.0: names of files in inputs and outputs. Files have to be Files since then
@bash_app
def cat(inputs=[], outputs=[]):
    return "cat {} > {}".format(inputs[0], outputs[0])


with open("hello-0.txt", "w") as f:
    f.write("Hello")

try:
    concat = cat(inputs=["hello-0.txt"], outputs=["hello-1.txt"])
    concat.result()
    concat.outputs[0].result()
except Exception as error:
    assert "File" in str(error), repr(error)
else:
    # whoever takes a name takes it for the File so called
    assert concat.outputs[0].result() == File("hello-1.txt"), concat.outputs
