import parsl
from parsl import bash_app

parsl.load()


@bash_app(cache=True)
def log_line(msg, stdout=None):
    return "echo {} >> log.txt".format(msg)


log_line("once").result()
log_line("once").result()
with open("log.txt") as f:
    print(f.read())
