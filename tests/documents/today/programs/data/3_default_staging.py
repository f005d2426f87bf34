import parsl
from parsl import File, python_app
from parsl.config import Config
from parsl.data_provider.data_manager import default_staging
from parsl.data_provider.file_noop import NoOpFileStaging
from parsl.executors import HighThroughputExecutor

config = Config(executors=[HighThroughputExecutor(storage_access=default_staging)])

assert any(isinstance(staging, NoOpFileStaging) for staging in default_staging)


@python_app
def contents(inputs=()):
    with open(inputs[0].filepath) as f:
        return f.read()


if __name__ == "__main__":
    with open("here.txt", "w") as f:
        f.write("already here")
    with parsl.load(config):
        print(contents(inputs=[File("here.txt")]).result())
