import parsl
from parsl import File, python_app

parsl.load()

with open("poem.txt", "w") as f:
    f.write("So much depends\nupon\n")


@python_app
def title(poem: File):
    with open(poem.filepath, "r") as fp:
        return fp.readline()


@python_app
def shout(text: str):
    return text.upper()


input_file = File("poem.txt")
first_line = title(input_file)
loud = shout(first_line)
print(loud.result())
