import parsl
from parsl import bash_app, python_app
from parsl.data_provider.files import File

parsl.load()


@bash_app
def generate(outputs=[]):
    return "echo $(( RANDOM )) &> {}".format(outputs[0].filepath)


@bash_app
def concat(inputs=[], outputs=[], stdout="stdout.txt", stderr="stderr.txt"):
    return "cat {0} > {1}".format(" ".join([i.filepath for i in inputs]), outputs[0].filepath)


@python_app
def total(inputs=[]):
    total = 0
    with open(inputs[0].filepath, "r") as f:
        for line in f:
            total += int(line)
    return total


# five files, each with a random number
output_files = []
for i in range(5):
    output_files.append(generate(outputs=[File("random-%d.txt" % i)]))

# one file with all of them
cc = concat(inputs=[i.outputs[0] for i in output_files], outputs=[File("all.txt")])

# their sum
total = total(inputs=[cc.outputs[0]])
print(total.result())

numbers = []
for i in range(5):
    with open("random-%d.txt" % i) as f:
        numbers.append(int(f.read()))
assert total.result() == sum(numbers)
