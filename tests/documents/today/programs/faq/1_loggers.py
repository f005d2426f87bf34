import logging
import sys

import parsl
from parsl import python_app

# on the screen, and in a file with as much detail as asked for
parsl.set_stream_logger(stream=sys.stderr)
parsl.set_file_logger("progress.log", level=logging.DEBUG)

parsl.load()


@python_app
def work():
    return "done"


print(work().result())
parsl.clear()

with open("progress.log") as f:
    assert f.read().strip(), "the file has lines"
