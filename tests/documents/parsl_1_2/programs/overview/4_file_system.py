import parsl
from parsl import python_app

parsl.load()


@python_app
def print_answer_file(path):
    with open(path, "r") as f:
        return "the answer is " + f.read()


with open("answer.txt", "w") as f:
    f.write("42")

# on one computer there is one file system
print(print_answer_file("answer.txt").result())
