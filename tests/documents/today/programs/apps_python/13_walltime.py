import parsl
from parsl import python_app
from parsl.app.errors import AppTimeout

parsl.load()


@python_app
def endless(walltime=1):
    import time

    while True:
        time.sleep(0.01)


error = endless().exception()
assert isinstance(error, AppTimeout), repr(error)
