import parsl
from parsl import File, bash_app

parsl.load()


# files are no strings any more
@bash_app
def concat_old(inputs=[], outputs=[], stdout="stdout.txt", stderr="stderr.txt"):
    return "cat {0} > {1}".format(" ".join(inputs), outputs[0])


@bash_app
def concat(inputs=[], outputs=[], stdout="stdout.txt", stderr="stderr.txt"):
    return "cat {0} > {1}".format(" ".join(list(map(str, inputs))), outputs[0])


for name in ("one", "two"):
    with open(name, "w") as f:
        f.write(name + "\n")

files = [File("one"), File("two")]
error = concat_old(inputs=files, outputs=[File("none")]).exception()
assert error is not None and "expected str instance, File found" in str(error), repr(error)

with open(concat(inputs=files, outputs=[File("both")]).outputs[0].result()) as f:
    print(f.read())
