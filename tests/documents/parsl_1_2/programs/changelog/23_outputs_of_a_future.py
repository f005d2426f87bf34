import parsl
from parsl import File, bash_app

parsl.load()


@bash_app
def make_files(x, y, outputs=[]):
    return "echo {} > {}; echo {} > {}".format(x, outputs[0], y, outputs[1])


# a call gives one future, whose files are its outputs
app_fu = make_files(1, 2, outputs=[File("f1.txt"), File("f2.txt")])
f1, f2 = app_fu.outputs
for data_fu in (f1, f2):
    with open(data_fu.result()) as f:
        print(f.read().strip())
