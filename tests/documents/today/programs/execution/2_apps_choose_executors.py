import parsl
from parsl import Config, File, bash_app
from parsl.executors import HighThroughputExecutor, ThreadPoolExecutor

for name, body in {"simulate": 'echo "frame of $1" > "$3"', "draw": 'cat "${@:1:$#-2}" > "${@: -1}"'}.items():
    with open(name, "w") as f:
        f.write("#!/bin/bash\n" + body + "\n")


@bash_app(executors=["compute.nodes"])
def simulate(arg, outputs=()):
    return "bash simulate {} -o {}".format(arg, outputs[0])


@bash_app(executors=["gpu.node"])
def draw(inputs=(), outputs=()):
    bash_array = " ".join([str(i) for i in inputs])
    return "bash draw {} -o {}".format(bash_array, outputs[0])


if __name__ == "__main__":
    parsl.load(
        Config(
            executors=[
                HighThroughputExecutor(label="compute.nodes", max_workers_per_node=2),
                ThreadPoolExecutor(label="gpu.node"),
            ]
        )
    )
    simulated = [simulate(arg, outputs=[File("frames-%d" % arg)]) for arg in range(3)]
    drawn = draw(inputs=[s.outputs[0] for s in simulated], outputs=[File("picture")])
    with open(drawn.outputs[0].result().filepath) as f:
        print(f.read())
    parsl.clear()
