"""Every description of the package, and those of users and plugins, survive TOML and YAML without a change."""

from __future__ import annotations

import dataclasses
import importlib
import logging
import pkgutil
import sys
import types
from concurrent import futures
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like import Config, HighThroughputExecutor, ThreadPoolExecutor
from parsl_like.channels import LocalChannel, SSHChannel
from parsl_like.core.description import Description
from parsl_like.data_provider.file_noop import NoOpFileStaging
from parsl_like.dataflow.dependency_resolvers import DEEP_DEPENDENCY_RESOLVER
from parsl_like.dataflow.memoization import BasicMemoizer
from parsl_like.errors import ConfigurationError
from parsl_like.executors.high_throughput.manager_selector import BlockIdManagerSelector
from parsl_like.launchers import SimpleLauncher, SrunLauncher, WrappedLauncher
from parsl_like.launchers.base import Launcher
from parsl_like.logconfigs.file import FileLogging
from parsl_like.monitoring import MonitoringHub
from parsl_like.plugins import hookimpl
from parsl_like.plugins.manager import PluginManager
from parsl_like.profiles.catalog import Catalog
from parsl_like.profiles.decoding import Decoder
from parsl_like.profiles.encoding import encoded
from parsl_like.profiles.likeness import difference
from parsl_like.profiles.texts import from_toml, from_yaml, to_toml, to_yaml
from parsl_like.profiles.toml_reader import read_toml
from parsl_like.profiles.toml_writer import write_toml
from parsl_like.profiles.yaml_reader import read_yaml
from parsl_like.profiles.yaml_writer import write_yaml
from parsl_like.providers import LocalProvider, SlurmProvider

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[2]

NEEDED: dict[str, dict[str, Any]] = {
    "AWSProvider": {"image_id": "ami-1", "key_name": "key"},
    "AzureProvider": {"vm_reference": {"vm_size": "small", "disk_size_gb": 10}},
    "GoogleCloudProvider": {
        **{"project_id": "p", "key_file": "key.json", "region": "r", "os_project": "os", "os_family": "family"}
    },
    "KubernetesProvider": {"image": "image", "persistent_volumes": [("claim", "/data"), ("other", "/more")]},
    "AdHocProvider": {"channels": [SSHChannel("a", envs={"A": "1"}), SSHChannel("b", port=2222)]},
    "GlobusComputeExecutor": {"executor": ThreadPoolExecutor("remote")},
    "GlobusStaging": {"endpoint_uuid": "7d2dc622-2edb-11e8-b8be-0ac6873fc732"},
    "OAuthSSHChannel": {"hostname": "h"},
    "RSyncStaging": {"hostname": "login.example.org"},
    "RadicalPilotExecutor": {"resource": "local.localhost", "cores": 4},
    "SSHChannel": {"hostname": "h", "envs": {"A": "1", "type": "2"}},
    "SSHInteractiveLoginChannel": {"hostname": "h"},
    "UDPRadio": {"address": "10.0.0.1"},
    "WrappedLauncher": {"prepend": "env A=1"},
}
"""Arguments of the classes that cannot be built without some."""

OF_A_PROGRAM = {"PoolExecutor"}
"""What holds something that only a running program has."""


def classes() -> list[type[Any]]:
    """Every class of description in the package that is there to be built."""
    for module in pkgutil.walk_packages([str(ROOT / "parsl_like")], "parsl_like."):
        if not module.name.startswith(("parsl_like.testing", "parsl_like.__main__", "parsl_like.joblib")):
            importlib.import_module(module.name)
    found, left = set(), [Description]
    while left:
        for cls in left.pop().__subclasses__():
            left.append(cls)
            if cls.__module__.startswith("parsl_like.") and "__dataclass_fields__" in vars(cls):
                found.add(cls)
    return sorted(found, key=lambda cls: (cls.__module__, cls.__name__))


CLASSES = [cls for cls in classes() if cls.__name__ not in OF_A_PROGRAM]


def needed(cls: type[Any]) -> dict[str, Any]:
    """What a class has to be given, a text for what is not listed here."""
    taken = dataclasses.fields(cls)
    missing = dataclasses.MISSING
    required = [f.name for f in taken if f.init and f.default is missing and f.default_factory is missing]
    return NEEDED.get(cls.__name__) or dict.fromkeys(required, "x")


def assert_survives(described: Any, secrets: Mapping[str, str] | None = None) -> None:
    """It is read back the same from TOML and from YAML, and what is written of that is the same again."""
    told = encoded(described)
    decoder = Decoder(Catalog(), {**told.secrets, **(secrets or {})})
    table = {"whole": {"type": "Config", **told.table}}
    again = decoder.value(read_toml(write_toml(table), "x.toml").value["whole"])
    assert difference(described, again, "whole") is None
    assert encoded(again).table == told.table
    pytest.importorskip("yaml")
    again = decoder.value(read_yaml(write_yaml(table), "x.yaml").value["whole"])
    assert difference(described, again, "whole") is None


# --- every class of the package


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_one_of_each_class(cls: type[Any]) -> None:
    described = cls(**needed(cls))
    assert_survives(described)
    if cls.__eq__ is not object.__eq__:
        assert described == cls(**needed(cls))


OTHERWISE: dict[str, Any] = {"bool": True, "int": 3, "float": 2.5, "str": "another text", "walltime": "01:02:03"}


def changed(cls: type[Any]) -> list[tuple[str, Any]]:
    """Each field of a class with a value that it does not have by itself, where one is easily found."""
    found = []
    blank = cls(**needed(cls))
    for field in dataclasses.fields(cls):
        if not field.init or field.name in needed(cls):
            continue
        options = str(field.type).replace(" ", "").split("|")
        before = getattr(blank, field.name)
        if "bool" in options and isinstance(before, bool):
            found.append((field.name, not before))
            continue
        value = OTHERWISE.get(field.name, next((OTHERWISE[one] for one in options if one in OTHERWISE), None))
        if value is not None and value != before:
            found.append((field.name, value))
        if "None" in options and before is not None:
            found.append((field.name, None))
    return found


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_each_field_of_each_class(cls: type[Any]) -> None:
    tried = 0
    for name, value in changed(cls):
        try:
            described = cls(**needed(cls), **{name: value})
            described.sealed()
        except (ConfigurationError, ValueError):
            continue  # it has bounds that these values do not know
        table = encoded(described).table
        again = Decoder(Catalog(), encoded(described).secrets).value(
            read_toml(write_toml({"whole": {"type": "Config", **table}}), "x.toml").value["whole"]
        )
        assert getattr(again, name) == getattr(described, name), name
        assert difference(described, again, name) is None
        tried += 1
    assert tried or not changed(cls) or cls.__name__ in ("Controller",)


# --- configurations as they are written


def handler(error: Exception, record: Any) -> float:
    return 1


def launch(command: str, tasks_per_node: int, nodes_per_block: int) -> str:
    return command


class Own(SlurmProvider):
    """A user's class of a provider."""


class OwnLauncher(Launcher):
    def __init__(self, words: str = "", *, times: int = 1) -> None:
        super().__init__()
        self.words, self.times = words, times

    def wrap(self, command: str, tasks_per_node: int, nodes_per_block: int) -> str:
        return f"{self.words} {command}"


class OwnMemoizer:
    def __init__(self, size: int, names: Any = ()) -> None:
        self.size, self.names = size, names

    def check_memo(self, task: Any) -> None:
        return None


@pytest.fixture
def importable(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """What is defined above, in a module that can be found by its name, as that of a user's own."""
    module = types.ModuleType("the_users_module")
    for made in (handler, launch, Own, OwnLauncher, OwnMemoizer):
        monkeypatch.setattr(made, "__module__", module.__name__)
        setattr(module, made.__name__, made)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def htex(**fields: Any) -> HighThroughputExecutor:
    return HighThroughputExecutor(**fields)


CONFIGS: dict[str, Any] = {
    "nothing": Config,
    "several executors": lambda: Config(
        [
            ThreadPoolExecutor("a", 3),
            htex(
                label="b",
                provider=SlurmProvider(
                    partition="short",
                    walltime="01:00:00",
                    worker_init="module load \"a b\"\nexport A='\\n'\n",
                    scheduler_options="#SBATCH --exclusive",
                    launcher=SrunLauncher(overrides="-c 1"),
                    channel=SSHChannel("login.example.org", username="ada"),
                ),
                worker_port_range=(50000, 50010),
                available_accelerators=["a", "b"],
                storage_access=[NoOpFileStaging()],
                interchange_launch_cmd=["x", "y"],
                manager_selector=BlockIdManagerSelector(),
                address=None,
                max_workers_per_node=4,
            ),
        ],
        retries=2.5,
        run_dir="x",
        strategy=None,
    ),
    "a path, a memoizer, a log": lambda: Config(
        run_dir=Path("/tmp/runs"),
        memoizer=BasicMemoizer(checkpoint_files=["a", Path("b")], checkpoint_mode="task_exit"),
        initialize_logging=FileLogging(level=logging.DEBUG, format_string="%(message)s\ttab"),
        monitoring=MonitoringHub("10.0.0.1", (55000, 56000), resource_monitoring_interval=0.5),
    ),
    "objects of modules": lambda: Config(
        dependency_resolver=DEEP_DEPENDENCY_RESOLVER,
        retry_handler=handler,
        executors=[htex(provider=LocalProvider(launcher=launch), block_error_handler=handler)],
    ),
    "classes of a user's": lambda: Config(
        memoizer=OwnMemoizer(3, ("a", "b")),
        executors=[htex(provider=Own(account="x", launcher=OwnLauncher("words", times=2)))],
    ),
    "other containers than usual": lambda: Config(
        memoizer=OwnMemoizer(
            3, [{1: None, "type": (1, [2])}, {"a", "b"}, frozenset({1}), b"\0\xff", Path("x"), "a:b", {}, (), True, 1.0]
        ),
        checkpoint_files=None,
        executors=[
            htex(
                storage_access=(NoOpFileStaging(),),
                interchange_launch_cmd=("x", "y"),
                worker_port_range=[50000, 50010],
                provider=SlurmProvider(channel=SSHChannel("h", envs={"type": "x", "A_B": "\U0001f600\n"})),
            )
        ],
    ),
    "a number of accelerators": lambda: Config([htex(available_accelerators=4, launch_cmd="mine {debug}")]),
    "a wrapped launcher": lambda: Config([htex(provider=LocalProvider(launcher=WrappedLauncher("a 'b'", False)))]),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_configuration(name: str, importable: types.ModuleType) -> None:
    config: Config = CONFIGS[name]()
    assert from_toml(to_toml(config)) == config or isinstance(config.memoizer, OwnMemoizer)
    assert difference(config, from_toml(to_toml(config)), "Config") is None
    pytest.importorskip("yaml")
    assert difference(config, from_yaml(to_yaml(config)), "Config") is None
    assert_survives(config)


def test_what_is_written_is_what_was_said() -> None:
    provider = SlurmProvider("short", launcher=SimpleLauncher())
    config = Config([htex(label="b", provider=provider, worker_port_range=(50000, 50010))], retries=1)
    assert to_toml(config) == (
        "retries = 1\n\n"
        '[[executors]]\ntype = "HighThroughputExecutor"\nlabel = "b"\n'
        "worker_port_range = [50000, 50010]\n\n"
        '[executors.provider]\ntype = "SlurmProvider"\npartition = "short"\n\n'
        '[executors.provider.launcher]\ntype = "SimpleLauncher"\n'
    )


def test_old_options_come_back_with_their_warning() -> None:
    with pytest.warns(DeprecationWarning, match="app_cache"):
        config = Config(app_cache=False, checkpoint_mode="dfk_exit")
    text = to_toml(config)
    with pytest.warns(DeprecationWarning, match="checkpoint_mode") as told:
        assert from_toml(text, "old.toml") == config
    assert told[0].filename == "old.toml"


def test_an_old_name_of_an_argument_is_taken_with_its_warning() -> None:
    with pytest.warns(DeprecationWarning, match="max_workers"):
        config = from_toml('[[executors]]\ntype = "HighThroughputExecutor"\nmax_workers = 3\n')
    executor: Any = config.executors[0]  # type: ignore[index]
    assert executor.max_workers_per_node == 3


def test_a_password_is_not_written_but_looked_for_in_the_environment() -> None:
    one, other = SSHChannel("a", password="secret of a"), SSHChannel("b", password="secret of b")
    config = Config([htex(label=c.hostname, provider=SlurmProvider(channel=c)) for c in (one, other)])
    text = to_toml(config) + to_yaml(config)
    assert "secret" not in text
    told = encoded(config)
    assert told.secrets == {"SSHCHANNEL_PASSWORD": "secret of a", "SSHCHANNEL_PASSWORD_2": "secret of b"}
    assert "secret of" not in repr(told)
    assert from_toml(to_toml(config), environment=told.secrets) == config
    with pytest.raises(ConfigurationError, match="no variable SSHCHANNEL_PASSWORD"):
        from_toml(to_toml(config), environment={})


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: Config(retry_handler=lambda *_: 1), r"Config\.retry_handler is the function .*<lambda>"),
        (lambda: Config([futures.ThreadPoolExecutor(1)]), r"Config\.executors\[0\]\.pool is a concurrent\.futures"),
        (lambda: Config(std_autopath=Path("x").joinpath), r"Config\.std_autopath is the method"),
        (lambda: Config(memoizer=OwnMemoizerWithin()), r"Config\.memoizer is a .*, which"),
    ],
)
def test_what_no_file_can_say_is_refused_with_its_field(build: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{said}.*TOML and YAML cannot say it"):
        to_toml(build())


def test_what_would_not_come_back_the_same_is_refused(importable: types.ModuleType) -> None:
    memoizer = OwnMemoizer(3)
    memoizer.added = "later"  # type: ignore[attr-defined]
    with pytest.raises(ConfigurationError, match=r"Config\.memoizer would not be read back the same"):
        to_toml(Config(memoizer=memoizer))


def OwnMemoizerWithin() -> Any:
    class Within:
        def check_memo(self, task: Any) -> None:
            return None

    return Within()


# --- plugins


@dataclasses.dataclass
class BroughtLauncher(Launcher):
    words: str = ""


class Plugin:
    @hookimpl
    def parsl_like_launcher_types(self) -> dict[str, Any]:
        return {"TheirLauncher": BroughtLauncher}


def test_types_of_plugins_have_the_names_that_plugins_give_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PluginManager, "__init__", with_plugin(PluginManager.__init__))
    config = Config([htex(provider=LocalProvider(launcher=BroughtLauncher(words="a")))])
    text = to_toml(config)
    assert 'type = "TheirLauncher"' in text
    assert from_toml(text) == config


def with_plugin(build: Any) -> Any:
    def built(self: PluginManager) -> None:
        build(self, [Plugin()], entry_points=False)

    return built


def test_every_class_of_the_package_that_users_name_is_called_by_its_own_name() -> None:
    catalog = Catalog()
    for cls in CLASSES:
        name = catalog.name_of(cls)
        assert name is not None
        assert catalog.type_named(name) is cls
    names = {
        catalog.name_of(type(one)) for one in (LocalProvider(), LocalChannel(), NoOpFileStaging(), MonitoringHub())
    }
    assert names == {"LocalProvider", "LocalChannel", "NoOpFileStaging", "MonitoringHub"}


def test_a_base_for_plugins_is_named_by_its_module() -> None:
    assert Catalog().name_of(Launcher) == "parsl_like.launchers.base:Launcher"
