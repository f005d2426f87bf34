import parsl
from parsl.app.app import bash_app
from parsl.configs.local_threads import config

parsl.load(config)


@bash_app
def greet(stdout="greet.stdout", stderr="greet.stderr"):
    return 'echo "Good morning!"; echo "(nobody is awake)" >&2'


greet().result()

with open("greet.stdout", "r") as f:
    print(f.read())
with open("greet.stderr") as f:
    assert f.read().endswith("(nobody is awake)\n")
