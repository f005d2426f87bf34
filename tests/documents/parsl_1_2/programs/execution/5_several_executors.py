import parsl
from parsl import File, bash_app
from parsl.config import Config
from parsl.executors import HighThroughputExecutor, ThreadPoolExecutor

parsl.load(
    Config(
        executors=[
            HighThroughputExecutor(label="Theta.Phi", max_workers=2),
            ThreadPoolExecutor(label="Cooley.GPU"),
        ]
    )
)

for name, body in {"MD_Simulate": 'echo "frames of $1" > "$2"', "viz": 'cat "$@"'}.items():
    with open(name, "w") as f:
        f.write("#!/bin/bash\n%s\n" % body)


# molecular dynamics, on the nodes with many cores
@bash_app(executors=["Theta.Phi"])
def MD_Sim(arg, outputs=[]):
    return "bash MD_Simulate {} {}".format(arg, outputs[0].filepath)


# pictures of its results, on the nodes with GPUs
@bash_app(executors=["Cooley.GPU"])
def visualize(inputs=[], outputs=[]):
    bash_array = " ".join([str(i) for i in inputs])
    return "bash viz {} > {}".format(bash_array, outputs[0].filepath)


simulations = [MD_Sim(arg, outputs=[File("traj_%d" % arg)]) for arg in range(3)]
picture = visualize(inputs=[s.outputs[0] for s in simulations], outputs=[File("picture")])
with open(picture.outputs[0].result().filepath) as f:
    print(f.read())
