"""Small workflows, drawn by hypothesis, as plain data that both packages' programs can read.

A step is ``{"app": name, "args": [said, ...], "kwargs": {name: said}}``. What is said for an argument is a pair of a
kind and its data: a literal, a path, a File, an earlier step's future, a part of its result, one of its outputs, or a
list of such. Steps without an app stand for their argument itself, a part of an earlier step's result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

Said = list[Any]
Step = dict[str, Any]

FEWEST_STEPS, MOST_STEPS = 3, 8
RETRIES = 2

TEXTS = st.text(alphabet="ab é'\"$\n\\%{}", max_size=6)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-9, 99), st.floats(-9, 9), st.binary(max_size=3), TEXTS, st.just(10**20)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.sets(st.integers(0, 9), min_size=1, max_size=3),
        st.dictionaries(st.sampled_from(["a", "b", "key"]), inner, max_size=2),
    ),
    max_leaves=5,
)
KINDS = st.sampled_from(["ValueError", "KeyError", "OSError", "ZeroDivisionError", "Flaw", "LocalFlaw", "group"])
COSTS = st.sampled_from([1, 1, 1, 0.5, 3, "raise"])
COSTS_OR_NONE = st.one_of(COSTS, st.just(0))
"""What fails for ever may not be tried again for nothing."""
WAYS: dict[str, list[list[list[str]]]] = {
    "dict": [[["item", "'a'"]], [["item", "'b'"], ["item", "1"], ["item", "'c'"]], [["item", "'absent'"]]],
    "list": [[["item", "-1"]], [["item", "1"], ["item", "0"]], [["item", "7"]], [["attr", "absent"]]],
    "text": [[["item", "0"]], [["item", "'a'"]]],
    "complex": [[["attr", "imag"]], [["attr", "real"]]],
    "fraction": [[["attr", "numerator"]], [["attr", "denominator"]]],
    "namespace": [[["attr", "a"]], [["attr", "items"], ["item", "1"]], [["attr", "absent"]]],
    "tuple": [[["item", "'y'"]]],
    "none": [[["item", "0"]], [["attr", "a"]]],
}


def literal(value: Any) -> Said:
    """A value as it is."""
    return ["literal", repr(value)]


def step(app: str | None, *args: Said, **kwargs: Said) -> Step:
    """A step."""
    return {"app": app, "args": list(args), "kwargs": kwargs}


@dataclass
class Workflow:
    """A workflow while it is drawn.

    Attributes:
        draw: Draws from a strategy.
        steps: What there is.
        built: For each step that gives something with parts, what.
        outputs: Pairs of a step and the number of an output.
        files: Names that have been given.
    """

    draw: Callable[[st.SearchStrategy[Any]], Any]
    steps: list[Step] = field(default_factory=list)
    built: dict[int, str] = field(default_factory=dict)
    outputs: list[tuple[int, int]] = field(default_factory=list)
    files: int = 0

    def name(self) -> str:
        """A name that no file has yet."""
        self.files += 1
        return f"file {self.files}"

    def argument(self) -> Said:
        """A value, or a future of one."""
        choices = ["part"] * 2 * bool(self.built) + ["step"] * 3 * bool(self.steps) + ["literal"] * 2
        match self.draw(st.sampled_from(choices)):
            case "step":
                return ["step", self.draw(st.integers(0, len(self.steps) - 1))]
            case "part":
                return self.part()
            case _:
                return literal(self.draw(VALUES))

    def part(self) -> Said:
        """A part of what an earlier step gives."""
        number = self.draw(st.sampled_from(sorted(self.built)))
        return ["part", [number, self.draw(st.sampled_from(WAYS[self.built[number]]))]]

    def file(self) -> Said:
        """A file that a step makes, as its output; else one that is not there."""
        if self.outputs and self.draw(st.sampled_from([True, True, True, False])):
            return ["output", list(self.draw(st.sampled_from(self.outputs)))]
        return [self.draw(st.sampled_from(["file", "path"])), "absent"]

    def made(self, most: int = 2) -> Said:
        """Files for a step to make; the step is the next one."""
        count = self.draw(st.integers(0, most))
        self.outputs += [(len(self.steps), number) for number in range(count)]
        return ["list", [["file", self.name()] for _ in range(count)]]

    def stream(self) -> Said:
        """Where output may go."""
        match self.draw(st.sampled_from(["none", "path", "mode", "auto", "folder"])):
            case "path":
                return ["path", self.name()]
            case "mode":
                return ["mode", [self.name(), self.draw(st.sampled_from(["w", "a", "a+", "w+"]))]]
            case "auto":
                return ["auto", None]
            case "folder":
                return ["path", "."]  # cannot be written
            case _:
                return literal(None)


def python_step(flow: Workflow) -> Step:
    """A Python app that gives back what it gets."""
    match flow.draw(st.sampled_from(["same", "pair", "gather", "collect", "captures", "takes", "pair"])):
        case "pair":
            return step("pair", flow.argument(), b=flow.argument())
        case "gather":
            return step("gather", flow.argument(), flow.argument(), key=flow.argument())
        case "collect":
            return step("collect", inputs=["list", [flow.argument() for _ in range(flow.draw(st.integers(0, 3)))]])
        case name:
            return step(name, flow.argument())


def failing_step(flow: Workflow) -> Step:
    """An app that raises, in one of several ways."""
    kind, text = literal(flow.draw(KINDS)), literal(flow.draw(TEXTS))
    match flow.draw(st.sampled_from(["raises", "raises", "raises_because", "divide", "flaky", "sh_raises", "call"])):
        case "divide":
            return step("divide", flow.argument(), literal(0))
        case "flaky":
            failures = literal(flow.draw(st.integers(0, RETRIES + 1)))
            cost = literal(flow.draw(COSTS_OR_NONE))
            return step("flaky", ["path", flow.name()], failures, literal(flow.draw(KINDS)), cost=cost)
        case "call":
            return step("pair", flow.argument(), flow.argument(), literal("one too many"))
        case "raises":
            return step("raises", kind, text, cost=literal(flow.draw(st.sampled_from([1, 0.5, 3, "raise"]))))
        case name:
            return step(name, kind, text)


def shell_step(flow: Workflow) -> Step:
    """A command."""
    names = ["sh_exit", "sh_echo", "sh_echo", "sh_write", "sh_cat", "sh_missing", "sh_returns", "sh_format", "sh_flaky"]
    match flow.draw(st.sampled_from(names)):
        case "sh_exit":
            code = literal(flow.draw(st.sampled_from([0, 1, 2, 9, 126, 255])))
            return step("sh_exit", code, stdout=flow.stream(), stderr=flow.stream(), cost=literal(flow.draw(COSTS)))
        case "sh_echo":
            label = literal(flow.draw(st.sampled_from([None, "label"])))
            return step("sh_echo", literal(flow.draw(TEXTS)), stdout=flow.stream(), stderr=flow.stream(), label=label)
        case "sh_write":
            return step("sh_write", literal(flow.draw(TEXTS)), outputs=flow.made(), stdout=flow.stream())
        case "sh_cat":
            return step("sh_cat", inputs=["list", [flow.file()]], outputs=flow.made(1), stdout=flow.stream())
        case "sh_missing":
            return step("sh_missing", outputs=flow.made())
        case "sh_returns":
            return step("sh_returns", flow.argument())
        case "sh_format":
            return step("sh_format", literal(flow.draw(st.sampled_from(["echo {}", "echo {} {}", "echo {name}", "{"]))))
        case _:
            path, failures = ["path", flow.name()], literal(flow.draw(st.integers(0, RETRIES + 1)))
            return step("sh_flaky", path, failures, literal(3), cost=literal(flow.draw(COSTS_OR_NONE)))


def join_step(flow: Workflow) -> Step:
    """A join app."""
    kind, text = literal(flow.draw(KINDS)), literal(flow.draw(TEXTS))
    values = literal(flow.draw(st.lists(st.integers(0, 9), max_size=3)))
    steps: list[Callable[[], Step]] = [
        lambda: step("join_same", flow.argument()),
        lambda: step("join_many", values),
        lambda: step("join_many", flow.argument()),
        lambda: step("join_deep", literal(flow.draw(st.integers(0, 3))), flow.argument()),
        lambda: step("join_wide", literal(flow.draw(st.integers(0, 2)))),
        lambda: step("join_failing", kind, text),
        lambda: step("join_some_failing", values, kind, text),
        lambda: step("join_raises", kind, text),
        lambda: step("join_flaky", ["path", flow.name()], literal(flow.draw(st.integers(0, RETRIES + 1))), kind),
        lambda: step("join_value", flow.argument()),
        lambda: step("join_mixed", literal(1)),
    ]
    made: Step = flow.draw(st.sampled_from(steps))()
    return made


def file_step(flow: Workflow) -> Step:
    """A Python app that writes or reads files."""
    match flow.draw(st.sampled_from(["write", "write", "read", "read_one"])):
        case "write":
            return step("write", literal(flow.draw(TEXTS)), outputs=flow.made())
        case "read":
            return step("read", inputs=["list", [flow.file() for _ in range(flow.draw(st.integers(0, 2)))]])
        case _:
            return step("read_one", flow.file())


def parts_step(flow: Workflow) -> Step:
    """A step that gives something with parts, or such a part."""
    if flow.built and flow.draw(st.sampled_from([True, False])):
        return step(None, flow.part())
    kind = flow.draw(st.sampled_from(sorted(WAYS)))
    flow.built[len(flow.steps)] = kind
    return step("build", literal(kind))


FAMILIES = (shell_step, file_step, parts_step, join_step, failing_step, python_step, shell_step, join_step)


@st.composite
def workflows(draw: Callable[[st.SearchStrategy[Any]], Any]) -> list[Step]:
    """A workflow of a few steps, later ones depending on earlier ones."""
    flow = Workflow(draw)
    for _ in range(draw(st.integers(FEWEST_STEPS, MOST_STEPS))):
        made = draw(st.sampled_from(FAMILIES))(flow)
        flow.steps.append(made)
    return flow.steps
