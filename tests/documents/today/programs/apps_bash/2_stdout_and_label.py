import os

import parsl
from parsl import bash_app
from parsl.app.errors import BashExitFailure

parsl.load()


@bash_app
def say(text, stdout=None, stderr=None, label=None):
    return 'echo "{0}"; echo "not {0}" >&2'.format(text)


@bash_app
def leave(code):
    return "exit {}".format(code)


# a path, and a path with a mode
say("once", stdout="said.txt", stderr="unsaid.txt").result()
say("again", stdout=("said.txt", "a+")).result()
with open("said.txt") as f:
    print(f.read())
say("anew", stdout=("said.txt", "w")).result()
with open("said.txt") as f:
    print(f.read())
with open("unsaid.txt") as f:
    assert f.read().endswith("not once\n")

# the label is a part of the name
named = say("named", stdout=parsl.AUTO_LOGNAME, stderr=parsl.AUTO_LOGNAME, label="shout")
named.result()
assert "shout" in os.path.basename(named.stdout) and "shout" in os.path.basename(named.stderr), named.stdout

error = leave(3).exception()
assert isinstance(error, BashExitFailure) and error.exitcode == 3, repr(error)
