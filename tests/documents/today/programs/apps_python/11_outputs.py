import tempfile
from pathlib import Path

import parsl
from parsl import File, python_app

parsl.load()


@python_app()
def publish(message, outputs=()):
    """Put the message into each of the files."""
    for path in outputs:
        with open(path, "w") as fp:
            print(message, file=fp)


with tempfile.TemporaryDirectory() as folder:
    wanted = [File(Path(folder) / "left.txt"), File(Path(folder) / "right.txt")]
    published = publish("No entry", outputs=wanted)
    published.result()
    for path in wanted:
        with open(path) as fp:
            assert fp.read() == "No entry\n"
    assert [output.result().filepath for output in published.outputs] == [file.filepath for file in wanted]
