"""The configurations that come with the package: each is made at need, touches nothing and tells its sources."""

from __future__ import annotations

import ast
import importlib
import inspect
import pickle
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import parsl_like
from parsl_like import configs
from parsl_like.cli.config_check import checked
from parsl_like.config import Config
from parsl_like.configs import site_config
from parsl_like.core.missing import missing_values
from parsl_like.errors import ConfigurationError

NAMES = configs.names()
LOCAL = {"exex_local", "htex_local", "local_threads", "wqex_local"}
RENTED = {"ad_hoc", "ec2", "kubernetes"}
"""Not one machine, of which there would be facts to be had, but whatever the user has."""

PROMISED = {
    *("ad_hoc", "ASPIRE1", "Azure", "bluewaters", "bridges", "cc_in2p3", "comet", "cooley", "cori", "ec2"),
    *("exex_local", "frontera", "htex_local", "kubernetes", "local_threads", "midway", "osg", "stampede2", "summit"),
    *("theta", "toss3_llnl", "wqex_local"),
    *("anvil", "delta", "expanse", "improv", "illinoiscluster", "perlmutter", "frontier", "aurora", "polaris", "lumi"),
}


def module(name: str) -> Any:
    return importlib.import_module(f"parsl_like.configs.{name}")


def double(x: int) -> int:
    return 2 * x


@pytest.fixture(autouse=True)
def nobody_has_said_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other tests made is forgotten, and what the environment of the machine says is not heard."""
    for name in NAMES:
        vars(module(name)).pop("config", None)
    for variable in ("ACCOUNT", "PARTITION", "QUEUE", "QOS", "WORKER_INIT", "HOSTS", "USERNAME", "IMAGE", "REGION"):
        monkeypatch.delenv(f"PARSL_LIKE_{variable}", raising=False)


def test_those_that_are_promised_are_there() -> None:
    assert set(NAMES) == PROMISED


@pytest.mark.parametrize("name", NAMES)
def test_each_has_a_config_that_is_a_value(name: str) -> None:
    config = module(name).config
    assert isinstance(config, Config)
    assert not config.is_sealed
    assert config.sealed().executors is not None
    assert module(name).fresh_config() == config
    assert pickle.loads(pickle.dumps(config)) == config


@pytest.mark.parametrize("name", NAMES)
def test_each_is_made_when_it_is_asked_for_and_stays_the_same_object(name: str) -> None:
    here = module(name)
    assert "config" not in vars(here)
    assert here.config is here.config
    with pytest.raises(AttributeError, match="configuration"):
        _ = here.configuration


@pytest.mark.parametrize("name", NAMES)
def test_a_fresh_one_shares_nothing_with_the_others(name: str) -> None:
    first, second = module(name).fresh_config(), module(name).fresh_config()
    assert first is not second
    first.executors[0].label = "another"
    assert second.executors[0].label != "another"


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"local_threads"}))
def test_each_is_labelled_with_its_name(name: str) -> None:
    assert [executor.label for executor in module(name).fresh_config().executors] == [name]


@pytest.mark.parametrize("name", sorted(set(NAMES) - LOCAL - RENTED))
def test_each_says_where_its_facts_are_from_and_when_they_were_checked(name: str) -> None:
    text = " ".join((module(name).__doc__ or "").split())
    facts = re.search(r"Facts: .*https://.*, checked (\d{4}-\d\d-\d\d)\.$", text)
    assert facts is not None, text
    assert date(2020, 1, 1) < date.fromisoformat(facts[1])


@pytest.mark.parametrize("name", NAMES)
def test_each_is_a_small_file_that_starts_nothing(name: str) -> None:
    path = Path(inspect.getfile(module(name)))
    assert len(path.read_text(encoding="utf-8").splitlines()) < 100
    called = {ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)}
    assert not {call for call in called if call.startswith(("address_by", "os.", "socket.", "subprocess."))}


# --- values that are each user's own


def test_an_argument_wins_over_the_environment_and_that_over_what_is_usual(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = site_config("anvil").executors[0].provider
    assert (provider.partition, provider.account) == ("wholenode", "<account:PARSL_LIKE_ACCOUNT>")
    monkeypatch.setenv("PARSL_LIKE_ACCOUNT", "of-environment")
    monkeypatch.setenv("PARSL_LIKE_PARTITION", "wide")
    monkeypatch.setenv("PARSL_LIKE_WORKER_INIT", "")
    provider = site_config("anvil").executors[0].provider
    assert (provider.partition, provider.account, provider.worker_init) == ("wide", "of-environment", "")
    provider = site_config("anvil", account="astro", partition="debug").executors[0].provider
    assert (provider.partition, provider.account) == ("debug", "astro")


def test_the_environment_is_read_when_the_config_is_first_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    here = module("anvil")
    monkeypatch.setenv("PARSL_LIKE_ACCOUNT", "astro")
    assert here.config.executors[0].provider.account == "astro"


@pytest.mark.parametrize("name", NAMES)
def test_what_is_missing_is_named_and_nothing_is_when_it_is_said(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in missing_values(module(name).fresh_config()):
        assert value.name in inspect.signature(module(name).fresh_config).parameters
        monkeypatch.setenv(value.variable, "mine")
    assert missing_values(module(name).fresh_config()) == []


@pytest.mark.parametrize(
    "name", sorted({"anvil", "delta", "expanse", "frontier", "aurora", "polaris", "improv", "osg"})
)
def test_where_jobs_are_charged_the_account_must_be_said(name: str) -> None:
    assert [value.name for value in missing_values(module(name).fresh_config())] == ["account"]


def test_sizes_and_times_are_arguments() -> None:
    made = site_config("frontera", nodes_per_block=4, max_blocks=3, walltime="12:00:00").executors[0].provider
    assert (made.partition, made.nodes_per_block, made.max_blocks, made.walltime) == ("normal", 4, 3, "12:00:00")
    assert site_config("frontera").executors[0].provider.partition == "small"


@pytest.mark.parametrize("name", ["delta", "lumi", "perlmutter"])
def test_with_gpus_there_is_a_worker_for_each(name: str) -> None:
    plain, gpus = site_config(name).executors[0], site_config(name, gpus=True).executors[0]
    assert plain.accelerator_names == ()
    assert len(gpus.accelerator_names) == gpus.provider.gpus_per_node == gpus.max_workers_per_node > 1


@pytest.mark.parametrize("name", ["frontier", "aurora"])
def test_processors_are_dealt_out_without_those_of_the_system(name: str) -> None:
    from parsl_like.executors.high_throughput.options import processor_groups

    executor = site_config(name).executors[0]
    groups = processor_groups(executor.cpu_affinity)
    dealt = [processor for group in groups for processor in group]
    assert len(groups) == len(executor.accelerator_names)
    assert len(set(dealt)) == len(dealt)
    assert 0 not in dealt


def test_hosts_are_named_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    made = site_config("ad_hoc", hosts=["one", "two"], username="me").executors[0].provider
    assert [(channel.hostname, channel.username) for channel in made.channels] == [("one", "me"), ("two", "me")]
    assert made.limits().maximum == 2
    monkeypatch.setenv("PARSL_LIKE_HOSTS", "three, four")
    assert [channel.hostname for channel in site_config("ad_hoc").executors[0].provider.channels] == ["three", "four"]


# --- by name


def test_a_machine_that_is_not_there_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'perlmutter'"):
        site_config("perlmuter")


def test_a_value_that_is_not_there_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'account'"):
        site_config("anvil", accounts="astro")
    with pytest.raises(ConfigurationError, match="it has none"):
        site_config("local_threads", account="astro")


# --- those of this machine


@pytest.mark.parametrize("name", ["local_threads", "htex_local"])
def test_each_is_at_parsls_path_too(name: str) -> None:
    there = importlib.import_module(f"parsl_like.tests.configs.{name}")
    assert isinstance(there.config, Config)
    assert there.config == module(name).config


@pytest.mark.parametrize("name", ["local_threads", "htex_local"])
def test_each_runs_an_app_and_can_be_used_again(name: str) -> None:
    config = module(name).config
    app = parsl_like.python_app(double)
    for _ in range(2):
        with parsl_like.load(config):
            assert app(4).result(timeout=60) == 8


# --- as the command line sees them


@pytest.mark.parametrize("name", NAMES)
def test_each_passes_config_check_which_notes_what_is_missing(name: str) -> None:
    verdict = checked(name)
    assert verdict.error is None
    told = " ".join(verdict.notes)
    assert all(value.variable in told for value in missing_values(module(name).fresh_config()))
