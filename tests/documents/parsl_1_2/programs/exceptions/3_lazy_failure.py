import parsl
from parsl import python_app
from parsl.dataflow.error import DependencyError

parsl.load()


@python_app
def step(name, *waits_for):
    if name == "c":
        raise RuntimeError("c failed")
    return name


#       a
#      / \
#     b   c  <- fails
#     |  / \
#     d e   f     e and f need c; b and d do not
a = step("a")
b = step("b", a)
c = step("c", a)
d = step("d", b)
e = step("e", b, c)
f = step("f", c)

print(a.result(), b.result(), d.result())
print(type(c.exception()).__name__)
for future in (e, f):
    assert isinstance(future.exception(), DependencyError), repr(future.exception())
print("e and f did not run")
