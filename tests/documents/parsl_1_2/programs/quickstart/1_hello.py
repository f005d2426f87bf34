import parsl
from parsl import bash_app, python_app

parsl.load()


@python_app
def hello_python(message):
    return "Hello %s" % message


@bash_app
def hello_bash(message, stdout="hello-stdout"):
    return 'echo "Hello %s"' % message


# the result of a Python app is its value,
print(hello_python("World (Python)").result())

# that of a Bash app is in the file
hello_bash("World (Bash)").result()
with open("hello-stdout") as f:
    print(f.read())
