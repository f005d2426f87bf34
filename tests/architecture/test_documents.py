"""A thread, a hook, a state or a version of a format that the code has is also in its document.

The code is read as syntax trees: a name counts where it is written, whether or not a test ever runs it.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGE = ROOT / "parsl_like"
INTERNALS = ROOT / "docs" / "internals"
JOB_STATES = PACKAGE / "core" / "job_states.py"
HOOKS = PACKAGE / "plugins" / "hookspecs.py"


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def document(name: str) -> str:
    return (INTERNALS / name).read_text(encoding="utf-8")


def called(node: ast.AST) -> str:
    """The last part of the name that a call calls."""
    function = node.func if isinstance(node, ast.Call) else None
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def spelled(node: ast.AST) -> str:
    """A string expression as a document writes it: what is put in at run time by its name, in angle brackets."""
    if isinstance(node, ast.JoinedStr):
        return "".join(spelled(part) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return f"<{ast.unparse(node.value).rpartition('.')[2]}>"
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def thread_names(module: ast.Module) -> set[str]:
    """The names of threads, or of pools of them, in a module: the strings that begin as all of them do."""
    return {name for node in ast.walk(module) if re.fullmatch(r"parsl-like-[a-z<>_-]*[a-z>]", name := spelled(node))}


def nameless_threads(module: ast.Module) -> list[int]:
    """The lines on which a thread is made that is not given a name."""
    return [
        node.lineno
        for node in ast.walk(module)
        if isinstance(node, ast.Call)
        and called(node) == "Thread"
        and "name" not in {word.arg for word in node.keywords}
    ]


def versions(module: ast.Module) -> dict[str, int]:
    """The numbers that a module gives to its formats."""
    found = {}
    for node in module.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if isinstance(target, ast.Name) and target.id.endswith("_VERSION") and isinstance(value, ast.Constant):
            found[target.id] = value.value
    return found


def members(module: ast.Module, name: str) -> list[str]:
    """The members of an enumeration."""
    for node in module.body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return [ast.unparse(line.targets[0]) for line in node.body if isinstance(line, ast.Assign)]
    return []


def hooks(module: ast.Module) -> list[str]:
    return [
        node.name
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef) and any("hookspec" in ast.unparse(mark) for mark in node.decorator_list)
    ]


def test_every_thread_has_a_name() -> None:
    found = {path.relative_to(ROOT).as_posix(): nameless_threads(tree(path)) for path in PACKAGE.rglob("*.py")}
    assert {path: lines for path, lines in found.items() if lines} == {}


def test_the_threads_are_those_listed() -> None:
    listed = re.findall(r"^\| `(parsl-like-[^`]+)`", document("threads.md"), re.MULTILINE)
    # The contracts shipped for authors of plugins start no thread of the engine.
    sources = [path for path in PACKAGE.rglob("*.py") if not path.is_relative_to(PACKAGE / "testing")]
    written = {name for path in sources for name in thread_names(tree(path))}
    assert sorted(listed) == sorted(written)


def test_every_version_of_a_format_is_listed_with_its_value() -> None:
    listed = document("versions.md")
    numbers = {name: value for path in PACKAGE.rglob("*.py") for name, value in versions(tree(path)).items()}
    assert {name: value for name, value in numbers.items() if f"| `{name}` | {value} |" not in listed} == {}
    assert sorted(re.findall(r"^\| `(\w+_VERSION)`", listed, re.MULTILINE)) == sorted(numbers)


def test_every_state_of_a_job_has_its_paragraph() -> None:
    headings = re.findall(r"^\*\*(\w+)\*\*", document("job-states.md"), re.MULTILINE)
    assert headings == members(tree(JOB_STATES), "JobState")


def test_every_hook_is_listed() -> None:
    assert re.findall(r"^\| `(\w+)", document("hooks.md"), re.MULTILINE) == hooks(tree(HOOKS))


EVERYTHING = '''
THE_VERSION = 3
OTHER_VERSION: Final = 4

class Light(IntEnum):
    """Doc."""
    RED = 1
    """Stop."""
    GREEN = 2

@hookspec(firstresult=True)
def parsl_like_open(x): ...

def parsl_like_other(x): ...

threading.Thread(target=f, name="parsl-like-a")
Thread(f)
Service(f"parsl-like-{context.label}-pump")
PREFIX = "parsl-like-b"
tempfile.mkdtemp(prefix="parsl-like-")
'''


def test_what_is_looked_for_is_found() -> None:
    module = ast.parse(EVERYTHING)
    assert versions(module) == {"THE_VERSION": 3, "OTHER_VERSION": 4}
    assert members(module, "Light") == ["RED", "GREEN"]
    assert hooks(module) == ["parsl_like_open"]
    assert nameless_threads(module) == [17]
    assert thread_names(module) == {"parsl-like-a", "parsl-like-<label>-pump", "parsl-like-b"}
