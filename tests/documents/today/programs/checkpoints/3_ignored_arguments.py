import parsl
from parsl import bash_app

parsl.load()


@bash_app(cache=True, ignore_for_cache=["stdout"])
def log_line(msg, stdout=None):
    return "echo {} >> log.txt; echo done".format(msg)


log_line("once", stdout="first.txt").result()
log_line("once", stdout="second.txt").result()
with open("log.txt") as f:
    print(f.read())
