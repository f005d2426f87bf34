import parsl
from parsl import File, bash_app, python_app

parsl.load()


@bash_app
def dice(outputs):
    return "echo $(( RANDOM % 6 + 1 )) &> {}".format(outputs[0])


@bash_app
def concat(inputs, outputs, stdout="stdout.txt", stderr="stderr.txt"):
    return "cat {0} >> {1}".format(" ".join([str(i) for i in inputs]), outputs[0])


@python_app
def total(inputs):
    total = 0
    with open(inputs[0].filepath, "r") as f:
        for line in f:
            total += int(line)
    return total


thrown = []
for i in range(5):
    thrown.append(dice(outputs=[File("dice-%s.txt" % i)]))

joined = concat(inputs=[i.outputs[0] for i in thrown], outputs=[File("dice.txt")])
totals = total(inputs=[joined.outputs[0]])
print(totals.result())
assert 5 <= totals.result() <= 30
