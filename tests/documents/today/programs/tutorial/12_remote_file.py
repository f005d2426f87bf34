import os

import parsl
from parsl.app.app import python_app
from parsl.data_provider.files import File

parsl.load()


@python_app
def sort_words(inputs=[]):
    with open(inputs[0].filepath, "r") as f:
        return sorted(f.read().split())


unsorted_file = File(os.environ["DOCUMENTS_HTTP"] + "/README.txt")
print(sort_words(inputs=[unsorted_file]).result())
