import logging

import parsl
from parsl import python_app

# lines of the log on the screen,
parsl.set_stream_logger()

# and in a file, with a level
parsl.set_file_logger("progress.log", level=logging.DEBUG)

parsl.load()


@python_app
def answer():
    return 42


assert answer().result() == 42
parsl.clear()

with open("progress.log") as f:
    log = f.read()
assert log.strip(), "the file has lines"
