import parsl
from parsl import python_app
from parsl.data_provider.files import File

parsl.load()


@python_app
def echo(inputs=[], outputs=[]):
    with open(inputs[0], "r") as in_file, open(outputs[0], "w") as out_file:
        out_file.write(in_file.readline())


with open("in.txt", "w") as f:
    f.write("first\nsecond\n")

echo(inputs=[File("in.txt")], outputs=[File("out.txt")]).result()

with open("out.txt") as f:
    print(f.read())
