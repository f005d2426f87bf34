"""The apps that workflows are made of. Written for Parsl."""

from parsl import bash_app, join_app, python_app

# --- functions of a module


def same(x):
    return x


def pair(a, b=None):
    return (a, b)


def gather(*args, **kwargs):
    return [list(args), sorted(kwargs.items())]


def collect(inputs=()):
    return [getattr(value, "filepath", value) for value in inputs]


def divide(a, b):
    return a / b


def raises(kind, text, cost=1):
    import flaws

    raise flaws.make(kind, text)


def raises_because(kind, text):
    import flaws

    flaws.chained(kind, text)


def leaves(code):
    import sys

    sys.exit(code)


def flaky(path, failures, kind, cost=1):
    """Fails so many times; gives the number of the try that did not."""
    import flaws

    with open(path, "a") as f:
        f.write("x")
    with open(path) as f:
        tries = len(f.read())
    if tries <= failures:
        raise flaws.make(kind, "try %d" % tries)
    return tries


def build(kind):
    """Something that has items or attributes."""
    import collections
    import fractions
    import types

    return {
        "dict": {"a": 1, "b": [2, {"c": 3}], 4: "four"},
        "list": [1, [2, 3], {"a": "deep"}],
        "text": "some text",
        "complex": 3 + 4j,
        "fraction": fractions.Fraction(3, 4),
        "namespace": types.SimpleNamespace(a=1, items=[5, 6]),
        "tuple": collections.namedtuple("Point", "x y")._make([7, 8])._asdict(),
        "none": None,
    }[kind]


def unsendable(kind):
    import threading

    return {"lock": threading.Lock(), "generator": (n for n in "abc"), "class": type("Made", (), {})}[kind]


def takes(thing):
    return type(thing).__name__


def write(text, outputs=()):
    for output in outputs:
        with open(output.filepath, "a") as f:
            f.write(text)
    return len(outputs)


def read(inputs=()):
    texts = []
    for file in inputs:
        with open(file) as f:
            texts.append(f.read())
    return texts


def read_one(file):
    with open(file.filepath) as f:
        return f.read()


def spins(seconds, walltime=None):
    import time

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.01)
    return "spun"


# --- commands


def sh_exit(code, stdout=None, stderr=None, cost=1):
    return "echo out; echo err >&2; exit %d" % code


def sh_echo(text, stdout=None, stderr=None, label=None):
    import shlex

    return "printf %%s %s; printf '[%%s]' %s >&2" % (shlex.quote(text), shlex.quote(text))


def sh_write(text, outputs=(), stdout=None):
    import shlex

    return "; ".join("printf %%s %s > '%s'" % (shlex.quote(text), output.filepath) for output in outputs) or "true"


def sh_cat(inputs=(), outputs=(), stdout=None):
    command = "cat /dev/null " + " ".join("'%s'" % file for file in inputs)
    return command + (" > '%s'" % outputs[0] if outputs else "")


def sh_missing(outputs=()):
    return "true"


def sh_returns(value):
    return value


def sh_format(template):
    return template.format("only")


def sh_raises(kind, text):
    import flaws

    raise flaws.make(kind, text)


def sh_flaky(path, failures, code, cost=1):
    return "echo x >> '%s'; [ $(wc -l < '%s') -gt %d ] || exit %d" % (path, path, failures, code)


def sh_sleeps(seconds, walltime=0.3):
    return "exec sleep %s" % seconds


PYTHON = [
    same, pair, gather, collect, divide, raises, raises_because, leaves, flaky, build, unsendable, takes, write, read,
    read_one, spins,
]  # fmt: skip
BASH = [sh_exit, sh_echo, sh_write, sh_cat, sh_missing, sh_returns, sh_format, sh_raises, sh_flaky, sh_sleeps]


def joins(apps):
    """Join apps; their bodies start the other apps."""

    @join_app
    def join_same(x):
        return apps["same"](x)

    @join_app
    def join_many(values):
        return [apps["same"](value) for value in values]

    @join_app
    def join_deep(depth, x):
        if depth == 0:
            return apps["same"](x)
        return join_deep(depth - 1, apps["pair"](x, depth))

    @join_app
    def join_wide(depth):
        if depth == 0:
            return apps["same"](1)
        return apps["collect"](inputs=[join_wide(depth - 1), join_wide(depth - 1)])

    @join_app
    def join_failing(kind, text):
        return apps["raises"](kind, text)

    @join_app
    def join_some_failing(values, kind, text):
        good = [apps["same"](value) for value in values]
        return good + [apps["raises"](kind, text), apps["divide"](1, 0)]

    @join_app
    def join_raises(kind, text, cost=1):
        import flaws

        raise flaws.make(kind, text)

    @join_app
    def join_flaky(path, failures, kind, cost=1):
        import flaws

        with open(path, "a") as f:
            f.write("x")
        with open(path) as f:
            tries = len(f.read())
        if tries <= failures:
            raise flaws.make(kind, "try %d" % tries)
        return apps["same"](tries)

    @join_app
    def join_value(x):
        return x

    @join_app
    def join_mixed(x):
        return [apps["same"](x), x]

    return [
        join_same, join_many, join_deep, join_wide, join_failing, join_some_failing, join_raises, join_flaky,
        join_value, join_mixed,
    ]  # fmt: skip


def apps_for(label):
    """All of them, for one executor, by name."""
    secret = 10

    @python_app(executors=[label])
    def captures(x):
        return [x, secret]

    apps = {function.__name__: python_app(function, executors=[label]) for function in PYTHON}
    apps.update({function.__name__: bash_app(function, executors=[label]) for function in BASH})
    apps["captures"] = captures
    apps.update({app.__name__: app for app in joins(apps)})
    return apps
