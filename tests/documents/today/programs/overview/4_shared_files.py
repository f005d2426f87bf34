import parsl
from parsl import python_app

parsl.load()


def read_note():
    with open("note.txt", "r") as f:
        return f.read()


with open("note.txt", "w") as f:
    f.write("on the left of the door")
    f.close()

# without Parsl, and in a task that shares the file system
print("the key hangs", read_note())
print("the key hangs", python_app(read_note)().result())
