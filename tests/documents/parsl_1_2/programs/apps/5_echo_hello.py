import parsl
from parsl import bash_app

parsl.load()


@bash_app
def echo_hello(stderr="std.err", stdout="std.out"):
    return 'echo "Hello World!"'


future = echo_hello()
future.result()
print(future.stdout, future.stderr)
with open("std.out") as f:
    print(f.read())
