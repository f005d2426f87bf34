import os

import parsl
from parsl import File, python_app

parsl.load()


@python_app
def convert(inputs=(), outputs=()):
    with open(inputs[0].filepath, "r") as inp:
        content = inp.read()
        with open(outputs[0].filepath, "w") as out:
            out.write(content.upper())


inp = File(os.environ["DOCUMENTS_FTP"] + "/pub/format.txt")
out = File("file://" + os.path.join(os.getcwd(), "upper.txt"))
f = convert(inputs=[inp], outputs=[out])
f.result()
with open(out.filepath) as upper:
    print(upper.read())
