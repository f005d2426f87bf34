"""Which modules another interpreter can import."""

from __future__ import annotations

import importlib.util
import math
import pickle
import sys
import types
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from parsl_like.serialize import origin, pack, pack_function, unpack_function

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _own_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(origin, "_importable", dict(origin._importable))
    monkeypatch.setattr(origin, "_other_references", list(origin._other_references))


@pytest.mark.parametrize(
    "name", ["builtins", "sys", "json", "json.decoder", "os.path", "numpy", "pyexpat.errors", "parsl_like.errors"]
)
def test_installed_modules(name: str) -> None:
    assert origin.importable(name)


@pytest.mark.parametrize("name", ["__main__", "__mp_main__", "surely_not_there", "surely.not.there", None, 3])
def test_others(name: object) -> None:
    assert not origin.importable(name)


def test_a_file_of_the_same_name_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "colorsys.py"
    path.write_text("def f():\n    return 'mine'\n")
    spec = importlib.util.spec_from_file_location("colorsys", path)
    assert spec is not None
    assert spec.loader is not None
    mine = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(mine)
    monkeypatch.setitem(sys.modules, "colorsys", mine)
    assert not origin.importable("colorsys")
    monkeypatch.syspath_prepend(tmp_path)
    origin._importable.pop("colorsys")
    assert origin.importable("colorsys")


def test_a_finder_that_breaks_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def find_spec(self, *_: Any) -> Any:
            raise OSError("disk on fire")

    monkeypatch.setattr(sys, "meta_path", [object(), Broken(), *sys.meta_path])
    assert origin.importable("surely_not_there")


def test_only_whole_names_are_mentions() -> None:
    assert not origin.mentions_local(pickle.dumps("__main__.f and more", 5))
    assert origin.mentions_local(pickle.dumps("__main__", 5))


def test_data_of_a_module_found_to_be_local_goes_by_value(monkeypatch: pytest.MonkeyPatch) -> None:
    adhoc = types.ModuleType("adhoc_for_a_test")
    exec("class Thing:\n    pass\ndef make():\n    return Thing()\n", adhoc.__dict__)
    monkeypatch.setitem(sys.modules, "adhoc_for_a_test", adhoc)
    blob = pack_function(adhoc.make).blob
    body = pack(adhoc.make()).body
    assert b"_make_skeleton_class" in body
    monkeypatch.delitem(sys.modules, "adhoc_for_a_test")
    assert type(unpack_function(blob)()).__name__ == "Thing"


def test_functions_of_extension_modules_go_by_name() -> None:
    for func in (np.add.reduce, np.linalg.norm, zlib.compress, np.sin, math.sin):
        assert len(pack_function(func).blob) < 120
