import parsl
from parsl import bash_app

parsl.load()

with open("my_python_app.py", "w") as f:
    f.write("import os, sys\nprint(os.environ['CONDA_DEFAULT_ENV'], *sys.argv[1:])\n")

# stands for the environment's own way to be entered
with open("conda.sh", "w") as f:
    f.write('conda() { [ "$1" = activate ] && export CONDA_DEFAULT_ENV="$2"; }\n')


@bash_app
def python_27_app(arg1, arg2, stdout=None):
    return """
    source ./conda.sh
    conda activate py2.7_env
    python3 my_python_app.py {0} {1}
    """.format(arg1, arg2)


python_27_app("one", 2, stdout="py27.txt").result()
with open("py27.txt") as f:
    print(f.read())
