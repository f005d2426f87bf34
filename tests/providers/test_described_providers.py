"""Descriptions of providers: values in the spelling of both versions of Parsl; some are refused when a run starts."""

from __future__ import annotations

import importlib
import inspect
import pickle
import warnings
from pathlib import Path
from typing import Any

import pytest

import parsl_like
import parsl_like.providers
from parsl_like.channels import Channel, LocalChannel, SSHChannel
from parsl_like.config import Config
from parsl_like.core.limits import BlockLimits
from parsl_like.core.ports import BlockContext, BlockRequest
from parsl_like.core.unbuilt import is_unbuilt, refuse_unbuilt
from parsl_like.errors import BadLauncher, ChannelError, ConfigurationError
from parsl_like.executors import HighThroughputExecutor, ThreadPoolExecutor
from parsl_like.launchers import AprunLauncher, SimpleLauncher, SingleNodeLauncher, SrunLauncher
from parsl_like.plugins.manager import PluginManager
from parsl_like.providers import (
    AdHocProvider,
    AWSProvider,
    AzureProvider,
    CobaltProvider,
    CondorProvider,
    ExecutionProvider,
    GoogleCloudProvider,
    GridEngineProvider,
    KubernetesProvider,
    LocalProvider,
    LSFProvider,
    PBSProProvider,
    SlurmProvider,
    TorqueProvider,
)
from parsl_like.providers.base import one_shot_context
from parsl_like.providers.batch_session import BatchSession
from parsl_like.providers.cluster_provider import ClusterProvider

NEEDED: dict[Any, dict[str, Any]] = {
    AWSProvider: {"image_id": "ami-1", "key_name": "key"},
    AzureProvider: {"vm_reference": {"publisher": "Canonical", "vm_size": "Standard_D4s_v3"}},
    GoogleCloudProvider: {
        "project_id": "p",
        "key_file": "key.json",
        "region": "us-central1",
        "os_project": "debian-cloud",
        "os_family": "debian-12",
    },
    KubernetesProvider: {"image": "python:3.12"},
}
BATCH: list[Any] = [
    SlurmProvider,
    PBSProProvider,
    TorqueProvider,
    LSFProvider,
    GridEngineProvider,
    CondorProvider,
    CobaltProvider,
]
BUILT: list[Any] = BATCH
DESCRIBED: list[Any] = [*BATCH, AdHocProvider, *NEEDED]
UNBUILT: list[Any] = [*NEEDED]


def make(kind: Any, **options: Any) -> Any:
    return kind(**{**NEEDED.get(kind, {}), **options})


# --- values


@pytest.mark.parametrize("kind", DESCRIBED)
def test_one_is_a_value(kind: Any) -> None:
    provider = make(kind, worker_init="module load x", min_blocks=1)
    assert provider == pickle.loads(pickle.dumps(provider)) != make(kind)
    assert eval(repr(provider), vars(parsl_like.providers) | everything()) == provider
    sealed = provider.sealed()
    with pytest.raises(ConfigurationError, match="the run has started"):
        sealed.max_blocks = 3
    assert provider.limits().minimum == 1


def everything() -> dict[str, Any]:
    return {cls.__name__: cls for cls in [*DESCRIBED, SingleNodeLauncher, AprunLauncher, LocalChannel]}


@pytest.mark.parametrize("kind", [*DESCRIBED, ClusterProvider, LocalProvider])
def test_an_unknown_argument_is_refused_with_the_nearest(kind: Any) -> None:
    for name in inspect.signature(kind).parameters:
        with pytest.raises(TypeError, match=rf"{kind.__name__}\(\) got .*'{name}x'.*did you mean '\w+'"):
            make(kind, **{f"{name}x": 1})


@pytest.mark.parametrize("kind", [*BATCH, LocalProvider])
def test_a_local_channel_and_move_files_give_one_warning(kind: Any) -> None:
    with pytest.warns(DeprecationWarning, match="is of Parsl 1.2") as caught:
        provider = kind(channel=LocalChannel(), move_files=True)
    assert [warning.filename for warning in caught] == [__file__]
    assert "channel=...) is of Parsl 1.2: leave it out" in str(caught[0].message)
    assert "move_files=...) is of Parsl 1.2: leave it out" in str(caught[0].message)
    assert provider.sealed().channel == LocalChannel()


@pytest.mark.parametrize("kind", BATCH)
def test_a_channel_that_leads_elsewhere_is_no_old_option(kind: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert kind(channel=SSHChannel("login")).sealed().channel == SSHChannel("login")


@pytest.mark.parametrize(
    ("kind", "legacy", "newest"),
    [
        (SlurmProvider, ("p", "a", LocalChannel(), 2, 8), ("p", "a", None, None, None, 2, 8)),
        (PBSProProvider, (LocalChannel(), "a", "q", "#PBS x", "init"), ("a", "q", "#PBS x", "", "init")),
        (TorqueProvider, (LocalChannel(), "a", "q"), ("a", "q")),
        (LSFProvider, (LocalChannel(), 2, 16, 8), (2, 16, 8)),
        (GridEngineProvider, (LocalChannel(), 2, 3), (2, 3)),
        (CondorProvider, (LocalChannel(), 2, 4, 8), (2, 4, 8)),
        (CobaltProvider, (LocalChannel(), 2, 1), (2, 1)),
        (ClusterProvider, ("mine", LocalChannel(), 2, 1), ("mine", 2, 1)),
    ],
)
def test_positional_arguments_come_in_the_order_of_either_version(
    kind: Any, legacy: tuple[Any, ...], newest: tuple[Any, ...]
) -> None:
    with pytest.warns(DeprecationWarning, match=r"channel=\.\.\."):
        old = kind(*legacy)
    old.channel = None
    assert old == kind(*newest)


def test_defaults_of_kinds() -> None:
    assert SlurmProvider().label == "slurm"
    assert (SlurmProvider().cmd_timeout, SlurmProvider().exclusive) == (10, True)
    assert PBSProProvider().walltime == "00:20:00"
    assert (TorqueProvider().launcher, CobaltProvider().launcher) == (AprunLauncher(), AprunLauncher())
    assert (CobaltProvider().init_blocks, make(KubernetesProvider).init_blocks) == (0, 4)
    assert make(AWSProvider).max_blocks == 10
    assert SlurmProvider().status_polling_interval == 30


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (SlurmProvider, "partition", 3),
        (SlurmProvider, "walltime", "an hour"),
        (SlurmProvider, "regex_job_id", "no group"),
        (SlurmProvider, "regex_job_id", "(?P<id>"),
        (SlurmProvider, "exclusive", "yes"),
        (SlurmProvider, "status_batch_size", 0),
        (SlurmProvider, "cores_per_node", 0),
        (SlurmProvider, "mem_per_node", -1),
        (SlurmProvider, "gpus_per_node", 0.5),
        (PBSProProvider, "cpus_per_node", 0),
        (PBSProProvider, "select_options", None),
        (TorqueProvider, "queue", 1),
        (LSFProvider, "cores_per_block", 0),
        (LSFProvider, "bsub_redirection", None),
        (GridEngineProvider, "queue", ["a"]),
        (CondorProvider, "transfer_input_files", "file"),
        (CondorProvider, "environment", ["A=1"]),
        (CondorProvider, "cmd_chunk_size", 0),
        (CobaltProvider, "account", 7),
        (AdHocProvider, "channels", ["host"]),
        (AWSProvider, "image_id", ""),
        (AWSProvider, "spot_max_bid", -1),
        (AWSProvider, "walltime", "1h"),
        (AzureProvider, "vm_reference", "small"),
        (AzureProvider, "location", ""),
        (GoogleCloudProvider, "key_file", None),
        (GoogleCloudProvider, "region", " "),
        (KubernetesProvider, "image", ""),
        (KubernetesProvider, "max_cpu", 0),
        (KubernetesProvider, "persistent_volumes", ["claim"]),
        (ClusterProvider, "label", ""),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(kind: Any, name: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=rf"{kind.__name__}\.{name} is .*; expected ") as caught:
        make(kind, **{name: value}).sealed()
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize("kind", DESCRIBED)
def test_a_launcher_that_is_none_is_refused(kind: Any) -> None:
    with pytest.raises(BadLauncher):
        make(kind, launcher="srun")


def test_lists_and_dicts_are_the_descriptions_own() -> None:
    files, variables = ["a"], {"A": "1"}
    provider = CondorProvider(transfer_input_files=files, environment=variables)
    files.append("b")
    variables["B"] = "2"
    assert provider == CondorProvider(transfer_input_files=["a"], environment={"A": "1"})


def test_cores_of_a_block_of_lsf_say_its_nodes() -> None:
    provider = LSFProvider(request_by_nodes=False, cores_per_block=20, cores_per_node=8)
    assert provider.sealed().limits().nodes_per_block == 3
    with pytest.raises(ConfigurationError, match=r"LSFProvider\.cores_per_node is None; .*request_by_nodes=False"):
        LSFProvider(request_by_nodes=False, cores_per_block=20).sealed()


def test_each_host_is_a_block_of_an_ad_hoc_provider() -> None:
    provider = AdHocProvider([SSHChannel("a"), SSHChannel("b")], min_blocks=1, parallelism=0.5)
    assert provider.sealed().limits() == BlockLimits(2, 1, 2, 0.5, 1)
    assert provider.label == "ad-hoc"


# --- refused when a run starts


@pytest.mark.parametrize("kind", UNBUILT)
def test_a_run_with_one_is_refused_and_says_what_to_use(kind: Any) -> None:
    config = Config([HighThroughputExecutor(provider=make(kind))])
    with pytest.raises(ConfigurationError) as caught:
        parsl_like.load(config)
    said = str(caught.value)
    assert said.startswith(f"{kind.__name__} is described only: this version cannot {kind.missing}.")
    assert said.endswith(f"Nothing was started. Try: {kind.meanwhile}")
    assert "LocalProvider" in kind.meanwhile
    assert not Path("runinfo").exists()


def test_one_that_is_added_to_a_run_is_refused_and_the_run_goes_on() -> None:
    app = parsl_like.python_app(abs)
    with parsl_like.load(Config([ThreadPoolExecutor()])) as kernel:
        with pytest.raises(ConfigurationError, match="KubernetesProvider is described only"):
            kernel.add_executors([HighThroughputExecutor(provider=make(KubernetesProvider))])
        assert set(kernel.executors) == {"threads", "_parsl_internal"}
        assert app(-3).result(timeout=60) == 3


def test_every_part_that_is_missing_is_named_at_once() -> None:
    config = Config(
        [
            HighThroughputExecutor("one", make(AWSProvider, launcher=SrunLauncher())),
            HighThroughputExecutor("two", make(AzureProvider)),
        ]
    )
    with pytest.raises(ConfigurationError, match=r"^AWSProvider is described only.* AzureProvider is described only"):
        refuse_unbuilt(config.sealed())


@pytest.mark.parametrize("kind", BUILT)
def test_the_others_are_opened_with_their_own_session(kind: Any, tmp_path: Path) -> None:
    assert not is_unbuilt(kind())
    session = PluginManager(entry_points=False).open_provider(kind().sealed(), one_shot_context(str(tmp_path)))
    assert isinstance(session, BatchSession)
    assert session.status([]) == {}
    session.close()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", BUILT)
def test_what_would_say_more_than_it_should_to_a_batch_system_is_refused(kind: Any) -> None:
    words = {"partition", "account", "qos", "constraint", "clusters", "gres", "queue", "project"} & set(vars(kind()))
    assert words
    for name in words:
        for value in ("debug\n#X --uid=0", "two words", 'a"b', "a\\b", "a\tb", "\x1b[2J"):
            with pytest.raises(ConfigurationError, match=rf"{kind.__name__}\.{name} is "):
                kind(**{name: value}).sealed()


@pytest.mark.parametrize("kind", UNBUILT)
def test_calls_by_hand_and_plugins_are_refused_too(kind: Any) -> None:
    provider = make(kind)
    for call in (lambda: provider.submit("true", 1), lambda: provider.status(["1"]), lambda: provider.cancel(["1"])):
        with pytest.raises(ConfigurationError, match=f"{kind.__name__} is described only"):
            call()
    with pytest.raises(ConfigurationError, match=f"{kind.__name__} is described only"):
        PluginManager(entry_points=False).open_provider(provider.sealed(), one_shot_context("."))


# --- machinery of a user's own


class Queue:
    def __init__(self) -> None:
        self.commands: list[str] = []


class Mine(ClusterProvider):
    """As Parsl's documents show it: the constructor of the base is called with its arguments in order."""

    def __init__(self, queue: Queue, nodes: int = 1) -> None:
        super().__init__("mine", nodes, 1, 0, 2, 1, "00:30:00", SimpleLauncher(), cmd_timeout=5)
        self.queue = queue

    def submit(self, command: str, tasks_per_node: int, job_name: str = "x") -> str | None:
        self.queue.commands.append(self.launcher(command, tasks_per_node, self.nodes_per_block))
        return "1"

    def status(self, job_ids: Any) -> list[Any]:
        return []

    def cancel(self, job_ids: Any) -> list[bool]:
        return [True for _ in job_ids]


def opened(provider: ExecutionProvider, context: BlockContext) -> Any:
    return PluginManager(entry_points=False).open_provider(provider, context)


def test_a_cluster_provider_of_a_users_own_is_used_as_it_is_written() -> None:
    queue = Queue()
    mine = Mine(queue, nodes=3)
    assert (mine.label, mine.walltime, mine.limits()) == ("mine", "00:30:00", BlockLimits(1, 0, 2, 1, 3))
    assert mine.sealed() is mine
    session = opened(mine, one_shot_context("."))
    session.submit(BlockRequest(block_id="0", command="run"))  # type: ignore[arg-type]
    assert queue.commands == ["run"]


def test_a_provider_with_a_users_own_submit_is_built() -> None:
    class Own(KubernetesProvider):
        def submit(self, command: str, tasks_per_node: int, job_name: str = "x") -> str | None:
            return "7"

    assert not is_unbuilt(make(Own, image="python"))
    refuse_unbuilt(Config([HighThroughputExecutor(provider=make(Own, image="python"))]).sealed())


def test_commands_of_a_batch_system_have_a_limit() -> None:
    provider = SlurmProvider(cmd_timeout=30)
    assert provider.execute_wait("echo out; echo err >&2; exit 3") == (3, "out\n", "err\n")
    with pytest.raises(ChannelError, match=r"longer than 0\.2 s"):
        provider.execute_wait("sleep 60", timeout=0.2)


def test_a_channel_of_a_users_own_carries_the_commands() -> None:
    class Recording(Channel):
        def execute_wait(self, cmd: str, walltime: float | None = None, *_: Any, **__: Any) -> tuple[int, str, str]:
            return 0, f"{cmd} within {walltime}", ""

    assert SlurmProvider(channel=Recording()).execute_wait("squeue") == (0, "squeue within 10", "")


# --- where they are


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("slurm.slurm", "SlurmProvider"),
        ("pbspro.pbspro", "PBSProProvider"),
        ("torque.torque", "TorqueProvider"),
        ("lsf.lsf", "LSFProvider"),
        ("grid_engine.grid_engine", "GridEngineProvider"),
        ("condor.condor", "CondorProvider"),
        ("cobalt.cobalt", "CobaltProvider"),
        ("ad_hoc.ad_hoc", "AdHocProvider"),
        ("aws.aws", "AWSProvider"),
        ("azure.azure", "AzureProvider"),
        ("googlecloud.googlecloud", "GoogleCloudProvider"),
        ("kubernetes.kube", "KubernetesProvider"),
        ("local.local", "LocalProvider"),
        ("local", "LocalProvider"),
    ],
)
def test_old_paths_of_modules(path: str, name: str) -> None:
    module = importlib.import_module(f"parsl_like.providers.{path}")
    assert getattr(module, name) is getattr(parsl_like.providers, name)


def test_every_name_of_the_package_is_there() -> None:
    for name in parsl_like.providers.__all__:
        assert issubclass(getattr(parsl_like.providers, name), ExecutionProvider)
    assert issubclass(SlurmProvider, ClusterProvider)
