from __future__ import annotations

import ast

import pytest

from parsl_like.cli.migration.errors import CannotMigrate
from parsl_like.cli.migration.migration import migrated


def after(text: str) -> str:
    return migrated(text).after


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("import parsl", "import parsl_like"),
        ("import parsl as p, os\np.load()", "import parsl_like as p, os\np.load()"),
        ("import parsl.executors\nparsl.load()", "import parsl_like.executors\nparsl_like.load()"),
        ("import parsl.config as c", "import parsl_like.config as c"),
        ("from parsl import python_app", "from parsl_like import python_app"),
        ("from parsl.app.app import bash_app as b", "from parsl_like.app.app import bash_app as b"),
        ("from parsl import *", "from parsl_like import *"),
        ("from  parsl \\\n  import load", "from  parsl_like \\\n  import load"),
        ("if x:\n\timport parsl; parsl.clear()", "if x:\n\timport parsl_like; parsl_like.clear()"),
        ("import parsl\n@parsl.python_app\ndef f(): ...", "import parsl_like\n@parsl_like.python_app\ndef f(): ..."),
    ],
)
def test_imports_and_names(before: str, expected: str) -> None:
    assert after(before) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "import os",
        "import parsl_utils, parsley",
        "from parsl_utils import x",
        "from .parsl import x",
        "from taps.parsl import x",
        "x.parsl = f(parsl=1)",
        "# import parsl\n'import parsl'",
    ],
)
def test_what_is_not_parsl_stays(text: str) -> None:
    assert after(text) == text


@pytest.mark.parametrize(
    "use",
    [
        "try:\n    import parsl\nexcept ImportError:\n    parsl = None",
        "import parsl\ndef f(parsl): return parsl",
        "import parsl\ndef f():\n    global parsl\n    del parsl",
        "import parsl\nfor parsl in x: ...",
        "import parsl\nmatch x:\n    case {**parsl}: ...",
        "import parsl\nmatch x:\n    case [*parsl]: ...",
        "import parsl\ntry: ...\nexcept E as parsl: ...",
        "import parsl\nclass parsl: ...",
        "import parsl\nfrom theirs import parsl",
    ],
)
def test_a_name_with_two_meanings_keeps_its_name(use: str) -> None:
    assert after(use) == use.replace("import parsl", "import parsl_like as parsl", 1)


def test_a_module_is_still_imported_where_the_name_stays() -> None:
    text = "import parsl.executors\nparsl = parsl.load()"
    assert after(text) == "import parsl_like.executors, parsl_like as parsl\nparsl = parsl.load()"


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("print(f'{parsl.__version__} parsl')", "print(f'{parsl_like.__version__} parsl')"),
        ("f'{{parsl}} {parsl!r:>{parsl.w}}'", "f'{{parsl}} {parsl_like!r:>{parsl_like.w}}'"),
        ("f'''\n{x[\"parsl\"]}\n{parsl}'''", "f'''\n{x[\"parsl\"]}\n{parsl_like}'''"),
        ("f'é{parsl}', parsl", "f'é{parsl_like}', parsl_like"),
    ],
)
def test_names_in_f_strings(before: str, expected: str) -> None:
    assert after(f"import parsl\n{before}") == f"import parsl_like\n{expected}"


def test_a_name_in_an_f_string_that_cannot_be_found_keeps_its_name() -> None:
    text = "import parsl\nf'{parsl}' '{ parsl }'"
    assert after(text) == text.replace("import parsl", "import parsl_like as parsl")


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("logging.getLogger('parsl')", "logging.getLogger('parsl_like')"),
        ('getLogger(r"parsl.dataflow")', 'getLogger(r"parsl_like.dataflow")'),
        ("import_module('''parsl''')", "import_module('''parsl_like''')"),
        ("getLogger('parsley')", "getLogger('parsley')"),
        ("getLogger(parsl)", "getLogger(parsl_like)"),
        ("parsl.set_stream_logger(name='parsl')", "parsl_like.set_stream_logger(name='parsl_like')"),
        ("parsl.set_stream_logger('parsl')", "parsl_like.set_stream_logger('parsl_like')"),
        ("parsl.set_file_logger('parsl', 'parsl')", "parsl_like.set_file_logger('parsl', 'parsl_like')"),
        ("other(name='parsl')", "other(name='parsl')"),
    ],
)
def test_names_of_modules_and_loggers_in_strings(before: str, expected: str) -> None:
    assert after(f"import parsl\n{before}") == f"import parsl_like\n{expected}"


HTEX = "from parsl.executors import HighThroughputExecutor as H\n"


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("H(max_workers=4)", "H(max_workers_per_node=4)"),
        ("H(label='x',\n  max_workers = 4,  # four\n  )", "H(label='x',\n  max_workers_per_node = 4,  # four\n  )"),
        ("H(worker_ports=(54000, p()))", "H(worker_port=54000, control_port=p())"),
        ("H(worker_ports=ports)", "H(worker_ports=ports)"),
        ("H(worker_ports=(*a, b))", "H(worker_ports=(*a, b))"),
        ("H(managed=True)", "H(managed=True)"),
        ("G(max_workers=4)", "G(max_workers=4)"),
        ("H = 1\nH(max_workers=4)", "H = 1\nH(max_workers=4)"),
    ],
)
def test_old_arguments(before: str, expected: str) -> None:
    assert after(HTEX + before) == HTEX.replace("parsl", "parsl_like") + expected


def test_arguments_of_dotted_names() -> None:
    text = "import parsl\nparsl.executors.HighThroughputExecutor(max_workers=parsl.x)"
    expected = "import parsl_like\nparsl_like.executors.HighThroughputExecutor(max_workers_per_node=parsl_like.x)"
    assert after(text) == expected
    assert [said.text for said in migrated(text).arguments] == [
        "HighThroughputExecutor(max_workers=) is now max_workers_per_node="
    ]


def test_names_are_imported_from_where_they_are_today() -> None:
    assert after("from parsl.providers.error import ScaleOutFailed") == (
        "from parsl_like.providers.errors import ScaleOutFailed"
    )
    left = "from parsl.providers.error import ScaleOutFailed, NoSuchThing"
    assert after(left) == left.replace("parsl.", "parsl_like.")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_everything_else_stays_as_it_is(end: str) -> None:
    lines = [
        "#! /usr/bin/python",
        "# parsl \u00e9\x0c",
        "import parsl  # parsl",
        "x = [ 1,2 ]; 'ü'; parsl . load( )",
        "\t",
        "",
    ]
    text = end.join(lines)
    assert after(text) == text.replace("import parsl ", "import parsl_like ").replace("parsl . ", "parsl_like . ")


def test_what_was_migrated_needs_nothing_more() -> None:
    once = migrated(HTEX + "import parsl\nparsl.load(); H(max_workers=1); f'{parsl}'")
    again = migrated(once.after)
    assert once.changes == 5
    assert (again.changed, again.changes, again.remarks) == (False, 0, ())


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("import parsl\nprint 'x'", 2),
        ("x = (", 1),
        ("x\0", None),
        ("import parsl . executors", 1),
        ("from parsl . executors import X", 1),
        ("from \\\n# parsl\n parsl import X", 2),
    ],
)
def test_what_cannot_be_edited_is_refused_with_its_line(text: str, line: int | None) -> None:
    with pytest.raises(CannotMigrate) as error:
        migrated(text)
    assert error.value.line == line
    assert error.value.reason


@pytest.mark.parametrize("text", ["(" * 100_000, "x = " + "+".join("1" * 5000)])
def test_nesting_without_end_is_refused(text: str) -> None:
    with pytest.raises(CannotMigrate, match="nested"):
        migrated(text)


@pytest.mark.parametrize("error", [ValueError("null bytes"), MemoryError("too deep")])
def test_whatever_the_parser_raises_is_a_refusal(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(text: str) -> ast.Module:
        raise error

    monkeypatch.setattr("ast.parse", fail)
    with pytest.raises(CannotMigrate, match=f"it is no Python of version 3: {error}"):
        migrated("")


def test_the_tree_is_the_old_one_but_for_the_names() -> None:
    text = (
        "import parsl\nfrom parsl import File\n@parsl.python_app\ndef f(x, y=parsl.AUTO_LOGNAME): return [parsl, x]\n"
    )
    old, new = (ast.dump(ast.parse(program)) for program in (text, after(text)))
    assert new.replace("parsl_like", "parsl") == old
