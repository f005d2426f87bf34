import parsl
from parsl import File, bash_app

parsl.load()


# up to 0.8 Parsl itself put arguments in; now the text stays as it is,
@bash_app
def cat_old(inputs=[], outputs=[], stdout="old.txt"):
    return "echo '{inputs[0]}'"


# and the program does it with format,
@bash_app
def cat_format(inputs=[], outputs=[]):
    return "cat {inputs[0]} > {outputs[0]}".format(inputs=inputs, outputs=outputs)


# or an f-string
@bash_app
def cat_f(inputs=[], outputs=[]):
    return f"cat {inputs[0]} > {outputs[0]}"


with open("in.txt", "w") as f:
    f.write("text\n")

cat_old(inputs=[File("in.txt")]).result()
cat_format(inputs=[File("in.txt")], outputs=[File("format.txt")]).result()
cat_f(inputs=[File("in.txt")], outputs=[File("f.txt")]).result()
for name in ("old.txt", "format.txt", "f.txt"):
    with open(name) as f:
        print(f.read().strip())
