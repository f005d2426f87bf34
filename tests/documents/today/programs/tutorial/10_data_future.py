import os

import parsl
from parsl.app.app import bash_app
from parsl.app.futures import DataFuture
from parsl.data_provider.files import File

parsl.load()


@bash_app
def slow_note(message, outputs=[]):
    return "sleep 1; echo %s &> %s" % (message, outputs[0])


note = slow_note("eggs and bread", outputs=[File(os.path.join(os.getcwd(), "note.txt"))])

assert [type(output) for output in note.outputs] == [DataFuture]
print(note.outputs)
print("Done:", note.done(), note.outputs[0].done())

with open(note.outputs[0].result(), "r") as f:
    text = f.read()
assert text == "eggs and bread\n"

print(note.outputs)
note.result()
assert note.done() and note.outputs[0].done()
assert note.outputs[0].filepath.endswith("note.txt") and note.outputs[0].filename == note.outputs[0].filepath
