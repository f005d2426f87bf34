from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.core.ids import ExecutorLabel
from parsl_like.core.ports import BlockContext, CommandResult, RunContext, RunInfo, RunSummary
from parsl_like.errors import ConfigurationError, MonitoringError, PluginError
from parsl_like.plugins import PluginManager, hookimpl
from parsl_like.plugins import registry as registry_module
from parsl_like.plugins.entry_points import Declared

if TYPE_CHECKING:
    from parsl_like.core.records import Record

RUN = RunInfo("an-id", "/run/000", 1.0)
SUMMARY = RunSummary({}, {}, 0, 1.0, "/run/000")
CONTEXT: Any = SimpleNamespace(run=RUN, label=ExecutorLabel("mine"))


@pytest.fixture(autouse=True)
def no_builtins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry_module, "BUILTINS", ())


def manager(*extra: object) -> PluginManager:
    return PluginManager(extra, entry_points=False)


class Session:
    """Satisfies every port that is opened."""

    label = ExecutorLabel("mine")
    wants = "objects"

    def __init__(self) -> None:
        self.closed = False

    def fds(self) -> Sequence[int]:
        return ()

    def pump(self) -> Sequence[Any]:
        return ()

    def deadline(self) -> float:
        return math.inf

    def submit(self, attempts: Any) -> None: ...
    def cancel(self, attempts: Any) -> None: ...
    def load(self) -> None: ...
    def status(self, jobs: Any) -> Mapping[Any, Any]:
        return {}

    def output(self, job: Any) -> tuple[None, None]:
        return None, None

    def run(self, argv: Any, *, timeout: float, stdin: str | None = None) -> CommandResult:
        return CommandResult(0, "", "")

    def push(self, local: Any, remote: Any) -> None: ...
    def pull(self, remote: Any, local: Any) -> None: ...
    def write(self, records: Sequence[Record]) -> None: ...
    def close(self, *, deadline: float = 0.0) -> None:
        self.closed = True


class Mine:
    """A description."""


class Opener:
    """Opens descriptions of one class, as executor, provider and channel."""

    def __init__(self, kind: type = Mine, session: object = None) -> None:
        self.kind, self.session = kind, session or Session()

    @hookimpl
    def parsl_like_open_executor(self, description: object, context: RunContext) -> Any:
        return self.session if isinstance(description, self.kind) else None

    @hookimpl
    def parsl_like_open_provider(self, description: object, context: BlockContext) -> Any:
        return self.session if isinstance(description, self.kind) else None

    @hookimpl
    def parsl_like_open_channel(self, description: object) -> Any:
        return self.session if isinstance(description, self.kind) else None


class Other(Opener):
    """A second plugin."""


OPENS = ("open_executor", "open_provider", "open_channel")


@pytest.mark.parametrize("opens", OPENS)
def test_a_description_is_opened_by_the_plugin_that_knows_it(opens: str) -> None:
    right, wrong = Opener(), Other(kind=str)
    assert getattr(manager(right, wrong), opens)(Mine(), CONTEXT) is right.session


@pytest.mark.parametrize("opens", OPENS)
def test_the_last_registered_plugin_is_asked_first(opens: str) -> None:
    first, last = Opener(), Other()
    assert getattr(manager(first, last), opens)(Mine(), CONTEXT) is last.session


@pytest.mark.parametrize("opens", OPENS)
def test_nobody_opens_it_names_the_type_and_who_was_asked(opens: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        getattr(manager(Opener(kind=str)), opens)(Mine(), CONTEXT)
    assert "test_manager.Mine" in str(caught.value)
    assert "extra:" in str(caught.value)
    assert "Opener" in str(caught.value)
    assert "mine" in str(caught.value)


@pytest.mark.parametrize("opens", OPENS)
def test_what_is_no_session_is_refused_with_what_it_lacks(opens: str) -> None:
    with pytest.raises(PluginError, match=r"has no .*close"):
        getattr(manager(Opener(session=object())), opens)(Mine(), CONTEXT)


def test_an_error_of_the_plugin_that_opens_it_is_passed_on() -> None:
    class Failing:
        @hookimpl
        def parsl_like_open_executor(self) -> None:
            raise ConfigurationError("port", 70_000, "a port")

    with pytest.raises(ConfigurationError, match="port is 70000"):
        manager(Failing()).open_executor(Mine(), CONTEXT)


# --- names


class Names:
    def __init__(self, **answers: Any) -> None:
        self.answers = answers

    @hookimpl
    def parsl_like_provider_types(self) -> Any:
        return self.answers["provider_types"]


class MoreNames(Names):
    pass


def test_answers_are_merged_and_kept() -> None:
    one, two = Names(provider_types={"A": int}), MoreNames(provider_types={"B": str})
    asked = manager(one, two)
    assert asked.provider_types == {"A": int, "B": str}
    one.answers["provider_types"] = {}
    assert asked.provider_types == {"A": int, "B": str}


def test_two_plugins_that_claim_a_name_are_refused() -> None:
    asked = manager(Names(provider_types={"A": int}), MoreNames(provider_types={"A": int}))
    with pytest.raises(PluginError) as caught:
        _ = asked.provider_types
    assert caught.value.name == "A"
    assert {caught.value.first.split(".")[-1], caught.value.second.split(".")[-1]} == {"Names", "MoreNames"}


@pytest.mark.parametrize("answer", [["A"], "A", 7])
def test_an_answer_of_the_wrong_kind_is_refused_with_the_plugins_name(answer: object) -> None:
    with pytest.raises(PluginError, match=r"extra:.*Names.*it answered"):
        _ = manager(Names(provider_types=answer)).provider_types


def test_a_plugin_that_raises_is_named() -> None:
    with pytest.raises(PluginError, match=r"extra:.*Names.*KeyError"):
        _ = manager(Names()).provider_types


def test_an_error_about_a_plugin_is_passed_on_as_it_is() -> None:
    class Damaged:
        @hookimpl
        def parsl_like_provider_types(self) -> None:
            raise PluginError("parsl_like_provider_types", "builtin:x", "x cannot be imported")

    with pytest.raises(PluginError, match="builtin:x against x cannot be imported"):
        _ = manager(Damaged()).provider_types


def test_a_plugin_may_have_nothing_to_say() -> None:
    assert manager(Names(provider_types=None)).provider_types == {}


def test_every_mapping_of_names_can_be_asked_for() -> None:
    names = (
        *("provider_types", "launcher_types", "channel_types", "executor_types", "scaling_policies"),
        *("memo_hashers", "cli_commands", "dashboard_pages", "site_configs"),
    )

    plugin = Blank()
    for name in names:
        setattr(plugin, f"parsl_like_{name}", answering(name))
    asked = manager(plugin)
    assert {name: getattr(asked, name) for name in names} == {name: {"it is": name} for name in names}


class Blank:
    """An object that anything can be set on."""


def answering(name: str) -> Any:
    @hookimpl
    def answer() -> dict[str, str]:
        return {"it is": name}

    return answer


def test_default_staging_is_one_list() -> None:
    class Staging:
        def __init__(self, *stagings: str) -> None:
            self.stagings = stagings

        @hookimpl
        def parsl_like_default_staging(self) -> Sequence[str]:
            return self.stagings

    class MoreStaging(Staging):
        pass

    asked = manager(Staging("a", "b"), MoreStaging("c"))
    assert asked.default_staging == ("c", "a", "b")


# --- sinks and news


class Sinks:
    def __init__(self, sink: object) -> None:
        self.sink = sink

    @hookimpl
    def parsl_like_open_monitoring_sink(self) -> Any:
        if isinstance(self.sink, Exception):
            raise self.sink
        return self.sink


class MoreSinks(Sinks):
    pass


def test_every_plugin_may_open_a_sink() -> None:
    one, two = Session(), Session()

    class NoSink(Sinks):
        pass

    asked = manager(Sinks(one), NoSink(None), MoreSinks(two))
    assert asked.open_sinks(None, RUN) == [two, one]


def test_without_monitoring_a_sink_that_fails_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    good = Session()
    assert manager(Sinks(OSError("disk")), MoreSinks(good)).open_sinks(None, RUN) == [good]
    assert "Sinks cannot open" in caplog.text
    assert "disk" in caplog.text


def test_with_monitoring_it_is_an_error_and_the_others_are_closed() -> None:
    good = Session()
    with pytest.raises(MonitoringError, match=r"Sinks cannot open.*disk"):
        manager(Sinks(OSError("disk")), MoreSinks(good)).open_sinks(object(), RUN)
    assert good.closed


def test_one_that_cannot_be_closed_then_keeps_no_other_open(caplog: pytest.LogCaptureFixture) -> None:
    class Stuck(Session):
        def close(self, **_: Any) -> None:
            raise ZeroDivisionError

    class StillMoreSinks(Sinks):
        pass

    good = Session()
    with pytest.raises(MonitoringError, match="disk"):
        manager(Sinks(OSError("disk")), MoreSinks(good), StillMoreSinks(Stuck())).open_sinks(object(), RUN)
    assert good.closed
    assert "Stuck cannot be closed: ZeroDivisionError" in caplog.text


def test_what_is_no_sink_is_not_taken(caplog: pytest.LogCaptureFixture) -> None:
    assert manager(Sinks(object())).open_sinks(None, RUN) == []
    assert "has no close, write" in caplog.text


def test_news_reach_every_plugin_even_if_one_raises(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[Any] = []

    class Listening:
        @hookimpl
        def parsl_like_run_started(self, run: RunInfo) -> None:
            heard.append(("started", run))

        @hookimpl
        def parsl_like_run_finished(self, summary: RunSummary) -> None:
            heard.append(("finished", summary))

    class Raising:
        @hookimpl
        def parsl_like_run_started(self) -> None:
            raise ZeroDivisionError

        @hookimpl
        def parsl_like_run_finished(self) -> None:
            raise ZeroDivisionError

    asked = manager(Listening(), Raising())
    asked.run_started(RUN)
    asked.run_finished(RUN, SUMMARY)
    assert heard == [("started", RUN), ("finished", SUMMARY)]
    assert caplog.text.count("Raising failed in parsl_like_run_") == 2


# --- what does not fit


def test_a_plugin_with_an_unknown_hook_is_refused() -> None:
    class Wrong:
        @hookimpl
        def parsl_like_open_exekutor(self) -> None: ...

    with pytest.raises(PluginError, match="unknown hook 'parsl_like_open_exekutor'"):
        manager(Wrong()).run_started(RUN)


def test_a_plugin_with_a_wrong_argument_is_refused() -> None:
    class Wrong:
        @hookimpl
        def parsl_like_run_started(self, running: object) -> None: ...

    with pytest.raises(PluginError, match="running"):
        manager(Wrong()).run_started(RUN)


def test_a_plugin_without_a_hook_is_refused() -> None:
    with pytest.raises(PluginError, match="implements no hook"):
        manager(object()).run_started(RUN)


def test_two_of_the_programs_plugins_with_one_name_are_refused() -> None:
    with pytest.raises(PluginError, match="same name"):
        manager(Opener(), Opener()).run_started(RUN)


# --- plugins of distributions


def declare(monkeypatch: pytest.MonkeyPatch, *points: tuple[str, Any]) -> None:
    def load(plugin: Any) -> Any:
        if isinstance(plugin, Exception):
            raise plugin
        return plugin

    made = tuple(
        Declared(name, f"{name}_module", f"{name}-dist 1.0", lambda plugin=plugin: load(plugin))  # type: ignore[misc]
        for name, plugin in points
    )
    monkeypatch.setattr(registry_module, "declared", lambda group: made)


def test_a_distributions_plugin_is_registered_and_asked_after_the_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs, ours = Opener(), Other()
    declare(monkeypatch, ("theirs", theirs))
    assert PluginManager().open_executor(Mine(), CONTEXT) is theirs.session
    assert PluginManager([ours]).open_executor(Mine(), CONTEXT) is ours.session


def test_one_that_cannot_be_imported_is_a_warning_listed_and_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    declare(monkeypatch, ("bad", ImportError("no module named x")), ("good", Opener()))
    asked = PluginManager()
    with pytest.warns(RuntimeWarning, match=r"plugin 'bad' of bad-dist 1.0 .*left out: ImportError: no module named x"):
        assert asked.open_executor(Mine(), CONTEXT)
    bad, good = asked.plugins()
    assert (bad.name, bad.origin, bad.hooks) == ("bad", "bad-dist 1.0", ())
    assert bad.failure == "ImportError: no module named x"
    assert good.failure is None
    assert set(good.hooks) == {f"parsl_like_{opens}" for opens in OPENS}
    with pytest.raises(ConfigurationError, match=r"left out: bad, ImportError: no module named x"):
        asked.open_executor(object(), CONTEXT)


def test_one_that_does_not_fit_the_hooks_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong:
        @hookimpl
        def parsl_like_run_started(self, running: object) -> None: ...

        @hookimpl
        def parsl_like_open_executor(self) -> object:
            return "never"

    right = Opener()
    declare(monkeypatch, ("right", right), ("wrong", Wrong()))
    with pytest.warns(RuntimeWarning, match="wrong"):
        assert PluginManager().open_executor(Mine(), CONTEXT) is right.session


def test_of_two_distributions_with_one_name_the_second_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    declare(monkeypatch, ("same", Opener()), ("same", Other()))
    asked = PluginManager()
    with pytest.warns(RuntimeWarning, match="uses the same name"):
        found = asked.plugins()
    assert [info.failure is None for info in found] == [True, False]


def test_one_plugin_under_two_names_is_registered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = Opener()
    declare(monkeypatch, ("one", plugin), ("two", plugin))
    asked = PluginManager()
    with pytest.warns(RuntimeWarning, match="already registered"):
        one, two = asked.plugins()
    assert one.failure is None
    assert two.failure is not None
    assert "AssertionError" not in two.failure
    assert asked.open_executor(Mine(), CONTEXT) is plugin.session


def test_the_name_of_a_built_in_plugin_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # the built-in plugins are there
    declare(monkeypatch, ("builtin:policies", Opener()))
    asked = PluginManager()
    with pytest.warns(RuntimeWarning, match="left out"):
        assert "simple" in asked.scaling_policies


def test_nothing_is_looked_for_before_the_first_question(monkeypatch: pytest.MonkeyPatch) -> None:
    declare(monkeypatch, ("bad", ImportError("x")))
    PluginManager()


def test_pluggy_is_not_loaded_before_the_first_question() -> None:
    code = (
        "import sys\n"
        "from parsl_like.plugins import PluginManager, hookimpl\n"
        "import parsl_like.monitoring.sinks.jsonl\n"
        "PluginManager()\n"
        "assert 'pluggy' not in sys.modules\n"
    )
    root = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root, timeout=60)
