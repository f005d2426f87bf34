"""From a laptop, which nothing can connect to, to a real Slurm: through either kind of SSH channel and its tunnel."""

from __future__ import annotations

import json
import shutil
import sysconfig
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from examples import source_census
from tests.site.laptop import KINDS

if TYPE_CHECKING:
    from tests.site.conftest import Measure
    from tests.site.laptop import Laptop
    from tests.site.slurm import Slurm

pytest_plugins = ["tests.site.laptop_fixtures"]
PACKAGES = ("asyncio", "concurrent", "json", "logging")


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Something to take a census of, on the cluster."""
    root = tmp_path / "sources"
    for name in PACKAGES:
        source = Path(sysconfig.get_path("stdlib"), name)
        shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    return root


@pytest.mark.parametrize("kind", KINDS)
def test_census(kind: str, laptop: Laptop, slurm: Slurm, sources: Path, tmp_path: Path, measure: Measure) -> None:
    began = time.time()
    plan = laptop.plan(kind, "census", root=str(sources), out=str(tmp_path / "out"), nodes_per_block=1)
    found = laptop.run(plan)
    assert "census" in found, found
    measure.since(f"census from a laptop, {kind}", began)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the sources
        plain = source_census.run_plain(sources, tmp_path / "plain")
    assert found["census"] == json.loads(json.dumps(plain))
    assert (set(found["states"]), found["losses"], found["retries"]) == ({"exec_done"}, 0, {}), found["notes"]
    assert found["notes"] == []
    assert not Path(plan["run_dir"]).exists(), "nobody but the laptop has its files"
    assert laptop.has(plan["run_dir"])
    laptop.nothing_is_left()
    (job,) = slurm.jobs()
    slurm.until(lambda: not slurm.live(), "the end of the block")
    assert slurm.jobs()[0].id == job.id


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("wrong", "error", "expected"),
    [
        ({"host_keys_filename": "LAPTOP_KNOWN_NONE"}, "UnknownHostKeyException", ["not known", "ssh-keyscan"]),
        ({"host_keys_filename": "LAPTOP_KNOWN_CHANGED"}, "BadHostKeyException", ["is not the one that is known"]),
        ({"key_filename": "LAPTOP_OTHER_KEY"}, "AuthException", ["the login was not accepted"]),
    ],
    ids=["unknown-host-key", "changed-host-key", "wrong-user-key"],
)
def test_a_login_that_cannot_be(
    kind: str,
    wrong: dict[str, str],
    error: str,
    expected: list[str],
    laptop: Laptop,
    slurm: Slurm,
    measure: Measure,
) -> None:
    began = time.time()
    options = {name: laptop.facts[value] for name, value in wrong.items()}
    last = laptop.run(laptop.plan(kind, "stream", seconds=0, tasks=2, **options))
    measure.since(f"{kind}: {', '.join(wrong.values())} to the error", began, 60)
    text = "\n".join(last["error"])
    assert error in {line.partition(":")[0] for line in last["error"]}, text
    for words in expected:
        assert words in text, text
    assert laptop.facts["LAPTOP_LOGIN"] in text
    laptop.nothing_is_left()
    assert slurm.jobs() == []
