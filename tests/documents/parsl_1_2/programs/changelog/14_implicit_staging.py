import os

import parsl
from parsl import python_app
from parsl.data_provider.files import File

parsl.load()


@python_app
def convert(inputs=[], outputs=[]):
    with open(inputs[0].filepath, "r") as inp:
        content = inp.read()
        with open(outputs[0].filepath, "w") as out:
            out.write(content.lower())


# anywhere,
inp = File(os.environ["DOCUMENTS_FTP"] + "/pub/FORMAT.txt")

# and here
out = File("file://" + os.getcwd() + "/FORMAT.txt")

f = convert(inputs=[inp], outputs=[out])
f.result()
with open(out.filepath) as result:
    print(result.read())
