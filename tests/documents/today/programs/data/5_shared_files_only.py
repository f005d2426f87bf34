import parsl
from parsl import File, python_app
from parsl.config import Config
from parsl.data_provider.file_noop import NoOpFileStaging
from parsl.executors import HighThroughputExecutor

config = Config(executors=[HighThroughputExecutor(storage_access=[NoOpFileStaging()])])


@python_app
def convert(inputs=(), outputs=()):
    with open(inputs[0].filepath) as f, open(outputs[0].filepath, "w") as out:
        out.write(f.read().upper())


if __name__ == "__main__":
    with open("lower.txt", "w") as f:
        f.write("whisper")
    with parsl.load(config):
        converted = convert(inputs=[File("lower.txt")], outputs=[File("upper.txt")])
        with open(converted.outputs[0].result()) as f:
            print(f.read())
