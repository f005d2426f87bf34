import parsl
from parsl import bash_app

parsl.load()


@bash_app
def whisper(msg, stdout=None):
    return "echo {}".format(msg)


whisper("not a word", stdout="whispered.txt").result()
with open("whispered.txt") as f:
    print(f.read())
