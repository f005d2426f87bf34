import parsl
from parsl import bash_app

parsl.load()

with open("old_program.py", "w") as f:
    f.write("import os, sys\nprint(os.environ['CHOSEN'], sys.argv[2], sys.argv[4])\n")
with open("environments.sh", "w") as f:
    f.write('choose() { export CHOSEN="$1"; }\n')


@bash_app
def old_program(arg1, arg2, stdout=None):
    return """
    source ./environments.sh; choose py2.7_env  # the right environment
    python3 old_program.py -arg {0} -d {1}
    """.format(arg1, arg2)


old_program("x", 2, stdout="old.txt").result()
with open("old.txt") as f:
    print(f.read())
