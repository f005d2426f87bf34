import parsl
from parsl import File, python_app
from parsl.config import Config
from parsl.data_provider.file_noop import NoOpFileStaging
from parsl.executors import HighThroughputExecutor

config = Config(
    executors=[
        HighThroughputExecutor(
            max_workers=1,
            storage_access=[NoOpFileStaging()],
        )
    ]
)
parsl.load(config)


@python_app
def upper(inputs=[], outputs=[]):
    with open(inputs[0].filepath) as source, open(outputs[0].filepath, "w") as target:
        target.write(source.read().upper())


with open("data.txt", "w") as f:
    f.write("some data")
done = upper(inputs=[File("data.txt")], outputs=[File("loud.txt")])
with open(done.outputs[0].result().filepath) as f:
    print(f.read())
