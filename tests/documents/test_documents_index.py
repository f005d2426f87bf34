"""The index of the documents' examples, the programs and the tests belong together."""

from __future__ import annotations

import collections
import re

import pytest

from tests.documents.running import HERE, INDEX, Example, examples, modes, runs_of, spellings

STATE = re.compile(r"runs|issue: [a-z, ]+|no program: \w+")


def named() -> list[Example]:
    return examples()


def test_each_example_is_listed_once_and_none_is_left_out() -> None:
    chapters = collections.defaultdict(list)
    for example in named():
        chapters[example.chapter].append(int(example.example.rpartition("/")[2]))
    assert "1.2/quickstart" in chapters
    for chapter, numbers in chapters.items():
        assert sorted(numbers) == list(range(1, len(numbers) + 1)), chapter


def test_states_are_known() -> None:
    assert [example.example for example in named() if not STATE.fullmatch(example.state)] == []


def test_what_is_a_program_has_one_and_nothing_else_does() -> None:
    wrong = [example.example for example in named() if (example.path is None) != example.state.startswith("no program")]
    assert wrong == []


def test_each_line_has_its_program_and_each_program_its_line() -> None:
    listed = [example.program for example in named() if example.path is not None]
    there = [path.relative_to(HERE).as_posix() for path in HERE.glob("*/programs/**/*.py")]
    assert sorted(listed) == sorted(there)


def test_each_program_says_what_it_should_do() -> None:
    silent = [
        example.program
        for example in named()
        if example.path is not None
        and example.path.name[0].isdigit()
        and not example.path.with_suffix(".out").exists()
        and not re.search(r"^\s*assert ", example.path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert silent == []


def test_each_output_belongs_to_a_program() -> None:
    assert [path for path in HERE.glob("*/programs/**/*.out") if not path.with_suffix(".py").exists()] == []


def test_each_test_runs_the_chapter_of_its_programs() -> None:
    for example in named():
        if example.path is not None:
            test = HERE / example.test
            assert test.name.startswith("test_"), example.example
            assert f'"{example.chapter}"' in test.read_text(encoding="utf-8"), example.example


def test_the_index_says_what_each_example_is_about() -> None:
    assert [example.example for example in named() if not example.about.strip()] == []


def test_a_broken_line_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    broken = tmp_path_factory.mktemp("index") / INDEX.name
    broken.write_text("# no columns\n\n1.2/apps/1\tapps.py\n", encoding="utf-8")
    monkeypatch.setattr("tests.documents.running.INDEX", broken)
    with pytest.raises(ValueError, match=r"INDEX:3: 2 columns"):
        examples()


def test_a_run_that_does_not_exist_cannot_be_excused() -> None:
    with pytest.raises(ValueError, match="no runs 9_never-own"):
        list(runs_of("1.2/quickstart", broken={"9_never-own": "reason"}))


def test_spellings() -> None:
    text = "import parsl\nparsl_resource_specification"
    assert spellings(text) == {
        "plain": "import parsl_like\nparsl_like_resource_specification",
        "words": "import parsl_like\nparsl_resource_specification",
    }
    assert spellings("import parsl") == {"both": "import parsl_like"}


def test_modes() -> None:
    assert modes("parsl.load()") == ["threads", "workers"]
    assert modes("parsl.load(config)") == ["own"]
    assert modes("config = Config()") == ["alone"]
