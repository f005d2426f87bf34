import parsl
from parsl import bash_app
from parsl.app.futures import DataFuture
from parsl.data_provider.files import File

parsl.load()


# the message goes to the first of the files in outputs
@bash_app
def echo(message, outputs=[]):
    return "echo {} &> {}".format(message, outputs[0])


hello = echo("Hello World!", outputs=[File("hello1.txt")])

# a list of DataFutures
assert [type(future) for future in hello.outputs] == [DataFuture], hello.outputs

# which end with the file
with open(hello.outputs[0].result().filepath, "r") as f:
    print(f.read())
with open(hello.outputs[0].result(), "r") as f:
    print(f.read())
