import functools
import os
import threading
import zipfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import parsl_like
from parsl_like import Config, File, HighThroughputExecutor, bash_app, python_app
from parsl_like.data_provider.http import HTTPInTaskStaging

asked = []


class Site(SimpleHTTPRequestHandler):
    def log_request(self, *_):
        asked.append(self.path)

    def log_message(self, *_):
        pass


os.mkdir("site")
with open("site/words.txt", "w") as file:
    file.write("many hands make light work\n")
server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Site, directory="site"))
threading.Thread(target=server.serve_forever).start()
site = f"http://127.0.0.1:{server.server_port}"


@python_app
def count(letter, inputs=()):
    with open(inputs[0]) as file:
        return file.read().count(letter)


@bash_app
def shout(inputs=(), outputs=()):
    return f"tr a-z A-Z < '{inputs[0]}' > '{outputs[0]}'"


htex = HighThroughputExecutor(
    label="htex",
    max_workers_per_node=2,
    working_dir=os.path.join(os.getcwd(), "scratch"),  # where files are put on each node
    storage_access=[HTTPInTaskStaging()],
)
with parsl_like.load(Config(executors=[htex])):
    words = File(f"{site}/words.txt")
    counts = {letter: count(letter, inputs=[words]) for letter in "aeiou"}
    print({letter: future.result() for letter, future in counts.items()})

    loud = shout(inputs=[words], outputs=[File(f"zip:{os.getcwd()}/results.zip/loud.txt")])
    print(count("H", inputs=[loud.outputs[0]]).result())  # waits until the file is where its URL says
    with zipfile.ZipFile("results.zip") as archive:
        print(archive.namelist())
    print(asked)  # the node has fetched it once, for six tasks

    print(count("a", inputs=[File(f"{site}/missing.txt")]).exception())

server.shutdown()
server.server_close()
