import os

from parsl.data_provider.files import File

for i in range(3):
    with open(os.path.join(os.getcwd(), "part-{}.txt".format(i)), "w") as f:
        f.write("part {}\n".format(i))

for i in range(3):
    with open(File(os.path.join(os.getcwd(), "part-{}.txt".format(i)))) as f:
        print(f.read(), end="")
