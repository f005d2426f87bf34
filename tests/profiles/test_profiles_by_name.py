"""What a name means: where it is looked for, in which order, and what a profile does to the one it extends."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like import Config, HighThroughputExecutor
from parsl_like.errors import ConfigurationError
from parsl_like.plugins.manager import PluginManager
from parsl_like.profiles.named import Configurations
from parsl_like.profiles.nodes import ProfileError
from parsl_like.profiles.origins import origins
from parsl_like.profiles.places import files_in_order
from parsl_like.providers import SlurmProvider

if TYPE_CHECKING:
    from pathlib import Path

SITE = """
from parsl_like import Config, HighThroughputExecutor
from parsl_like.providers import SlurmProvider


def fresh_config(account="nobody", *, walltime="00:10:00"):
    return Config(
        [HighThroughputExecutor(label="site", provider=SlurmProvider(account=account, walltime=walltime))], retries=7
    )
"""


class Here:
    """A project's folder, a user's folder, and what is found from there."""

    def __init__(self, folder: Path) -> None:
        self.project, self.home = folder / "project", folder / "home"
        self.user = self.home / ".config" / "parsl_like"
        for made in (self.project, self.user):
            made.mkdir(parents=True)
        self.environment = {"HOME": str(self.home)}

    def write(self, name: str, text: str) -> Path:
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def write_user(self, text: str, name: str = "config.toml") -> Path:
        path = self.user / name
        path.write_text(text)
        return path

    def known(self) -> Configurations:
        return Configurations(self.environment, self.project)

    def config(self, name: str, **arguments: Any) -> Config:
        return self.known().named(name, arguments).config


@pytest.fixture
def here(tmp_path: Path) -> Here:
    return Here(tmp_path)


def provider(config: Config) -> Any:
    executor: Any = config.executors[0]  # type: ignore[index]
    return executor.provider


# --- where names are looked for


def test_nearer_files_come_first(here: Here) -> None:
    here.write_user("[profiles.a]\nretries = 1\n[profiles.b]\nretries = 1\n[profiles.local_threads]\nretries = 1\n")
    here.write("parsl_like.toml", "[profiles.a]\nretries = 2\n[profiles.c]\nretries = 2\n")
    assert [here.config(name).retries for name in ("a", "b", "c", "local_threads")] == [2, 1, 2, 1]
    here.environment["PARSL_LIKE_CONFIG"] = str(here.write("other.toml", "[profiles.a]\nretries = 3\n"))
    assert [here.config(name).retries for name in ("a", "b", "c")] == [3, 1, 2]
    assert here.config("htex_local").retries == 0


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("parsl_like.toml", "[profiles.a]\nretries = 2\n"),
        ("parsl_like.yaml", "profiles:\n  a:\n    retries: 2\n"),
        ("parsl_like.yml", "profiles: {a: {retries: 2}}\n"),
        ("pyproject.toml", "[project]\nname = 'x'\n[tool.parsl_like.profiles.a]\nretries = 2\n"),
    ],
)
def test_the_projects_file_is_found_from_folders_below(here: Here, name: str, text: str) -> None:
    if not name.endswith(".toml"):
        pytest.importorskip("yaml")
    path = here.write(name, text)
    below = here.project / "deep" / "deeper"
    below.mkdir(parents=True)
    found = Configurations(here.environment, below).named("a")
    assert found.config.retries == 2
    assert found.origin.startswith(str(path))


def test_the_end_of_a_repository_is_the_end_of_the_project(here: Here) -> None:
    here.write("parsl_like.toml", "[profiles.a]\nretries = 2\n")
    (here.project / "inner" / ".git").mkdir(parents=True)
    with pytest.raises(ConfigurationError, match="no configuration 'a'"):
        Configurations(here.environment, here.project / "inner").named("a")


def test_settings_of_other_tools_are_no_profiles(here: Here) -> None:
    here.write("pyproject.toml", "[tool.other]\nparsl_like = 1\n")
    assert files_in_order(here.environment, here.project) == []


def test_the_users_file_is_where_xdg_says(here: Here, tmp_path: Path) -> None:
    (tmp_path / "xdg" / "parsl_like").mkdir(parents=True)
    (tmp_path / "xdg" / "parsl_like" / "config.toml").write_text("[profiles.a]\nretries = 4\n")
    here.environment["XDG_CONFIG_HOME"] = str(tmp_path / "xdg")
    assert here.config("a").retries == 4


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="files have no owners here")
def test_a_file_that_anybody_may_write_is_left_alone(here: Here, caplog: pytest.LogCaptureFixture) -> None:
    here.write("parsl_like.toml", "default = 'a'\n[profiles.a]\nretries = 2\n").chmod(0o666)
    with caplog.at_level(logging.WARNING):
        assert here.known().usual() is None
    assert "anybody may have written it" in caplog.text


def test_a_file_is_named_by_its_path(here: Here) -> None:
    several = here.write("several.toml", "[profiles.a]\nretries = 2\n[profiles.b]\nretries = 3\n")
    assert here.config(str(here.write("one.toml", "retries = 5\n"))).retries == 5
    assert here.config(f"{several}:b").retries == 3
    assert here.config(str(here.write("site.py", SITE))).retries == 7
    with pytest.raises(ConfigurationError, match=r"does not say which of its profiles is meant: a, b.*FILE:PROFILE"):
        here.config(str(several))
    with pytest.raises(ConfigurationError, match=r"no profile 'c'\. Try: known are a, b"):
        here.config(f"{several}:c")
    with pytest.raises(ConfigurationError, match=r"absent\.toml cannot be read"):
        here.config("absent.toml")


def test_names_of_plugins_and_nearest_names(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PluginManager, "site_configs", {"observatory": lambda retries=5: Config(retries=retries)})
    assert here.config("observatory").retries == 5
    assert here.config("observatory", retries=6).retries == 6
    with pytest.raises(ConfigurationError, match=r"no configuration 'observatry'\..* Try: did you mean 'observatory'"):
        here.config("observatry")


def test_where_there_is_no_file_of_profiles_it_is_said_where_it_was_looked_for(here: Here) -> None:
    """A far likeness to a site's name would lead astray whoever is only in the wrong folder."""
    with pytest.raises(ConfigurationError) as found:
        here.config("cluster")
    said = str(found.value)
    assert (
        f"There is no parsl_like.toml (or parsl_like.yaml, or [tool.parsl_like] in pyproject.toml) in {here.project}"
        in said
    )
    assert f" or above it, nor config.toml in {here.user}. Try: go to the folder that has the file" in said
    assert "illinoiscluster" not in said
    (here.project.parent / ".git").mkdir()
    with pytest.raises(ConfigurationError, match=rf"or above it, up to {here.project.parent}, nor"):
        here.config("cluster")
    (here.project / ".git").mkdir()
    with pytest.raises(ConfigurationError, match=rf"in {here.project}, nor"):
        here.config("cluster")


def test_ones_own_profiles_are_told_first(here: Here) -> None:
    here.write("parsl_like.toml", "[profiles.mine]\n[profiles.small]\n")
    with pytest.raises(
        ConfigurationError, match=r"'nope'\. Try: your profiles are mine, small; parsl-like config list shows \d+ that"
    ):
        here.config("nope")
    with pytest.raises(ConfigurationError, match=r"did you mean 'small'"):
        here.config("smalle")
    here.write("parsl_like.toml", "[profiles]\n")
    with pytest.raises(ConfigurationError, match=r"'nope'\. Try: put the profile into a file; parsl-like config list"):
        here.config("nope")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("profile = {}\n", r"parsl_like\.toml:1: a file of profiles has no 'profile'.*did you mean 'profiles'"),
        ("executors = []\n[profiles.a]\n", r"parsl_like\.toml:1: a file of profiles has no 'executors'"),
        ("[profiles]\na = 3\n", r"parsl_like\.toml:2: the profile 'a' is a table"),
        ("profiles = 3\n", r"parsl_like\.toml:1: profiles are tables by name"),
        ("default = 3\n", r"parsl_like\.toml:1: default is the name"),
        ('[profiles."a:b"]\n', r"no profile can be called 'a:b'"),
        ("[profiles.auto]\n", r"no profile can be called 'auto'"),
        ("[profiles.a]\nretires = 1\n", r"parsl_like\.toml:2: Config has no 'retires'"),
        ("[profiles.a]\nextends = 1\n", r"parsl_like\.toml:2: extends is text"),
        ("[profiles.a]\ndescription = 1\n", r"parsl_like\.toml:2: description is text"),
        ("[profiles.a]\narguments = { x = 1 }\n", r"parsl_like\.toml:2: arguments are for"),
        (
            "[profiles.a]\nextends = 'local_thread'\n",
            r"parsl_like\.toml:2: There is no configuration 'local_thread'.*'local_threads'",
        ),
        ("[profiles.a]\nextends = 'local_threads'\narguments = 3\n", r"parsl_like\.toml:3: arguments are a table"),
        (
            "[profiles.a]\nextends = 'b'\n[profiles.b]\nextends = 'a'\n",
            r"parsl_like\.toml:1: the profile 'a' extends itself",
        ),
    ],
)
def test_what_a_file_of_profiles_says_wrongly(here: Here, text: str, said: str) -> None:
    here.write("parsl_like.toml", text)
    with pytest.raises(ProfileError, match=said):
        here.config("a")


# --- the usual one


def test_what_is_taken_where_nobody_is_named(here: Here) -> None:
    assert here.known().usual() is None
    here.write_user("default = 'b'\n[profiles.b]\n")
    assert here.known().usual() == "b"
    here.write("parsl_like.toml", "[profiles.a]\n")
    assert here.known().usual() == "b"
    here.write("parsl_like.toml", "default = 'a'\n[profiles.a]\n")
    assert here.known().usual() == "a"
    other = here.write("other.toml", "[profiles.c]\n")
    here.environment["PARSL_LIKE_CONFIG"] = str(other)
    assert here.known().usual() == "c"
    other.write_text("[profiles.c]\n[profiles.d]\n")
    with pytest.raises(ConfigurationError, match="does not say which of its profiles is meant: c, d"):
        here.known().usual()
    other.write_text("default = 'd'\n[profiles.c]\n[profiles.d]\n")
    assert here.known().usual() == "d"
    other.write_text("retries = 3\n")
    assert here.config(str(here.known().usual())).retries == 3
    here.environment["PARSL_LIKE_CONFIG"] = "local_threads"
    assert here.known().usual() == "local_threads"
    here.environment["PARSL_LIKE_PROFILE"] = "a"
    assert here.known().usual() == "a"


# --- one over another


def test_a_profile_changes_what_it_extends(here: Here) -> None:
    here.write(
        "parsl_like.toml",
        """
[profiles.base]
retries = 1
run_dir = "runs"
[[profiles.base.executors]]
type = "HighThroughputExecutor"
label = "big"
[profiles.base.executors.provider]
type = "SlurmProvider"
partition = "short"
account = "x"
launcher = { type = "SrunLauncher", overrides = "-c 2" }
[[profiles.base.executors]]
type = "ThreadPoolExecutor"

[profiles.mine]
extends = "base"
retries = 2
[profiles.mine.executors.big]
max_workers_per_node = 3
provider = { account = "y", launcher = { type = "SimpleLauncher" } }
[profiles.mine.executors.more]
type = "ThreadPoolExecutor"

[profiles.fewer]
extends = "mine"
executors = [{ type = "ThreadPoolExecutor" }]
""",
    )
    mine = here.config("mine")
    assert (mine.retries, mine.run_dir) == (2, "runs")
    labels = [executor.label for executor in mine.executors or ()]  # type: ignore[union-attr]
    assert labels == ["big", "threads", "more"]
    assert (provider(mine).partition, provider(mine).account) == ("short", "y")
    assert type(provider(mine).launcher).__name__ == "SimpleLauncher"
    executor: Any = mine.executors[0]  # type: ignore[index]
    assert executor.max_workers_per_node == 3
    assert provider(here.config("base")).account == "x"
    assert len(here.config("fewer").executors or ()) == 1


def test_a_profile_of_the_same_name_as_a_site_changes_the_site(here: Here) -> None:
    here.write_user("[profiles.htex_local]\nextends = 'htex_local'\nretries = 4\n")
    here.write("parsl_like.toml", "[profiles.htex_local]\nextends = 'htex_local'\nrun_dir = 'here'\n")
    config = here.config("htex_local")
    assert (config.retries, config.run_dir) == (4, "here")
    assert isinstance(config.executors[0], HighThroughputExecutor)  # type: ignore[index]


def test_arguments_reach_the_function_that_makes_it(here: Here) -> None:
    path = here.write("site.py", SITE)
    here.write(
        "parsl_like.toml",
        f"[profiles.a]\nextends = '{path}'\narguments = {{ account = 'ada' }}\n"
        "[profiles.b]\nextends = 'a'\narguments = { walltime = '01:00:00' }\nretries = 1\n",
    )
    assert provider(here.config("a")) == SlurmProvider(account="ada")
    assert provider(here.config("b")) == SlurmProvider(account="ada", walltime="01:00:00")
    assert (here.config("a").retries, here.config("b").retries) == (7, 1)


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ("extends = 'SITE'\narguments = { accounts = 'ada' }", r"toml:3: .*'accounts'.* did you mean 'account'\?"),
        (
            "extends = 'SITE'\n[profiles.a.arguments]\naccount = 'ada'\nx = 1",
            r"toml:5: .*'x'.* known are account, wall",
        ),
        ("extends = 'anvil'\narguments = { node_per_block = 2 }", r"toml:3: anvil .* mean 'nodes_per_block'\?"),
        ("extends = 'htex_local'\narguments = { account = 'ada' }", r"toml:3: htex_local .* it takes none"),
        ("extends = 'b'\narguments = { wall = '1' }\n[profiles.b]\nextends = 'SITE'", r"toml:3: .* mean 'walltime'\?"),
        ("extends = 'b'\n[profiles.b]\nextends = 'SITE'\narguments = { wall = '1' }", r"toml:5: .* mean 'walltime'\?"),
        ("extends = 'b'\narguments = { wall = '1' }\n[profiles.b]\nretries = 1", r"toml:3: .*toml:4.* it takes none"),
    ],
)
def test_an_argument_that_nothing_takes_is_refused_where_it_stands(here: Here, profile: str, expected: str) -> None:
    site = here.write("site.py", SITE)
    here.write("parsl_like.toml", f"[profiles.a]\n{profile}\n".replace("SITE", str(site)))
    with pytest.raises(ProfileError, match=expected):
        here.config("a")


def test_a_function_that_takes_any_argument_gets_it(here: Here) -> None:
    site = here.write("site.py", "from parsl_like import Config\ndef fresh_config(**any): return Config(**any)\n")
    here.write("parsl_like.toml", f"[profiles.a]\nextends = '{site}'\narguments = {{ retries = 3 }}\n")
    assert here.config("a").retries == 3


def test_what_only_python_can_say_can_be_extended_without_changes(here: Here) -> None:
    path = here.write("site.py", "from parsl_like import Config\nconfig = Config(retry_handler=lambda *_: 1)\n")
    here.write("parsl_like.toml", f"[profiles.a]\nextends = '{path}'\n[profiles.b]\nextends = '{path}'\nretries = 1\n")
    assert here.config("a").retry_handler is not None
    with pytest.raises(ProfileError, match=r"parsl_like\.toml:4: .*cannot be changed here.*retry_handler"):
        here.config("b")


# --- who said it


def test_every_value_knows_who_said_it(here: Here) -> None:
    path = here.write(
        "parsl_like.toml",
        """
[profiles.a]
extends = "htex_local"
retries = 2
run_dir = { type = "env", name = "RUNS" }
[profiles.a.executors.htex_local]
max_workers = 3
""",
    )
    here.environment["RUNS"] = "the runs"
    with pytest.warns(DeprecationWarning, match="max_workers"):
        found = here.known().named("a")
    said = {row.path: (row.value, row.origin) for row in origins(found)}
    assert said["retries"] == ("2", f"{path}:4")
    assert said["run_dir"] == ("'the runs'", f"$RUNS ({path}:5)")
    assert said["exit_mode"] == ("'cleanup'", "default of Config")
    assert said["executors[0]"][0] == "HighThroughputExecutor"
    assert said["executors[0].max_workers_per_node"] == ("3", f"{path}:7")
    assert said["executors[0].label"] == ("'htex_local'", "parsl_like.configs.htex_local")
    assert said["executors[0].encrypted"] == ("True", "default of HighThroughputExecutor")
    assert said["executors[0].provider"] == ("LocalProvider", "parsl_like.configs.htex_local")
    assert said["executors[0].provider.worker_init"] == ("''", "default of LocalProvider")


def test_what_arguments_say_is_said_where_they_are(here: Here) -> None:
    site = here.write("site.py", SITE)
    path = here.write(
        "parsl_like.toml", f"[profiles.a]\nextends = '{site}'\nrun_dir = 'x'\narguments = {{ account = 'ada' }}\n"
    )
    said = {row.path: row.origin for row in origins(here.known().named("a"))}
    assert said["executors[0].provider.account"] == f"{path}:4"
    assert said["executors[0].label"] == str(site)
    assert said["retries"] == str(site)
    assert said["run_dir"] == f"{path}:3"


def test_a_configuration_of_python_is_said_by_its_file(here: Here) -> None:
    path = here.write("site.py", SITE)
    said = {row.path: row for row in origins(here.known().named(str(path)))}
    assert said["retries"].origin == str(path)
    assert said["executors[0].provider.account"].origin == str(path)
    assert said["executors[0].provider.qos"].origin == "default of SlurmProvider"


def test_a_password_is_not_told(here: Here) -> None:
    here.environment["SECRET"] = "the secret"
    path = here.write(
        "one.toml",
        '[executors.a]\ntype = "HighThroughputExecutor"\n[executors.a.provider]\ntype = "SlurmProvider"\n'
        '[executors.a.provider.channel]\ntype = "SSHChannel"\nhostname = "h"\n'
        'password = { type = "env", name = "SECRET" }\n',
    )
    said = {row.path: row for row in origins(here.known().named(str(path)))}
    row = said["executors[0].provider.channel.password"]
    assert (row.value, row.origin) == ("(not shown)", f"$SECRET ({path}:8)")


# --- lists


def test_everything_with_a_name_is_listed_once(here: Here) -> None:
    here.write_user("[profiles.a]\nretries = 1\n[profiles.b]\ndescription = 'the second'\n")
    path = here.write("parsl_like.toml", "default = 'a'\n[profiles.a]\ndescription = 'the first'\n")
    listed = {one.name: one for one in here.known().listed()}
    assert list(listed)[:2] == ["a", "b"]
    assert (listed["a"].origin, listed["a"].about, listed["a"].is_usual) == (str(path), "the first", True)
    assert (listed["b"].about, listed["b"].is_usual) == ("the second", False)
    assert listed["local_threads"].about == "Apps run on threads of the program itself."
    assert listed["auto"].about
