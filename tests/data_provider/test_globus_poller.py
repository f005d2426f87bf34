"""Many files, one thread and few tasks of Globus; and every file has an end, whatever Globus does."""

from __future__ import annotations

import dataclasses
import random
import threading
import time
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.data_provider.globus_batch import Carried, Tempo
from parsl_like.data_provider.globus_link import Link, Order, Route, Terms, transfer_client
from parsl_like.data_provider.globus_poller import Poller
from parsl_like.errors import StagingError
from tests.data_provider.globus_service import HERE, THERE, GlobusService

import globus_sdk  # isort: skip - the module above skips these tests where it is not installed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from parsl_like.core.records import Record

QUICK = Tempo(
    linger=0.05,
    longest_linger=0.2,
    first_look=0.01,
    longest_look=0.02,
    first_wait=0.01,
    longest_wait=0.05,
    progress=0.0,
)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[GlobusService]:
    for name in ("there", "here"):
        (tmp_path / name).mkdir()
    with GlobusService({THERE: tmp_path / "there", HERE: tmp_path / "here"}) as service:
        yield service


@pytest.fixture
def records() -> list[Record]:
    return []


@pytest.fixture
def start(service: GlobusService, records: list[Record]) -> Iterator[Callable[..., Poller]]:
    started: list[Poller] = []

    def make(tempo: Tempo = QUICK) -> Poller:
        link = Link(transfer_client(globus_sdk.AccessTokenAuthorizer("access")))
        started.append(Poller(link, "run 7", records.append, tempo))
        return started[-1]

    yield make
    for poller in started:
        poller.close(time.monotonic() + 30)


def order(service: GlobusService, name: str, terms: Terms = Terms(), text: str | None = "text") -> Order:  # noqa: B008
    if text is not None:
        (service.collections[THERE] / name).write_text(text)
    route = Route(THERE, HERE, terms)
    return Order(
        route, f"globus://{THERE}/{name}", f"/{name}", f"/w/{name}", str(service.collections[HERE] / "w" / name)
    )


def ends(*futures: Future[Carried]) -> list[Carried]:
    return [future.result(timeout=60) for future in futures]


def failure(future: Future[Carried]) -> StagingError:
    error = future.exception(timeout=60)
    assert isinstance(error, StagingError), error
    return error


def test_files_ordered_together_travel_in_one_task_and_one_thread_asks(
    service: GlobusService, start: Callable[..., Poller], records: list[Record]
) -> None:
    poller = start()
    before = threading.active_count()
    moved = ends(*[poller.move(order(service, f"f{number}", text="x" * number)) for number in range(300)])
    assert threading.active_count() <= before + 1
    assert service.threads == {"parsl-like-globus"}
    assert sum(len(task.items) for task in service.tasks) == 300
    assert len(service.tasks) <= 3
    assert [carried.size for carried in moved] == list(range(300))
    assert {carried.tries for carried in moved} == {1}
    assert (service.collections[HERE] / "w" / "f299").read_text() == "x" * 299
    last = [record for record in records if record.subject == f"Globus task {service.tasks[-1].id}"][-1]
    assert last.kind == "transfer"
    assert last.fields["files"] == last.fields["of_files"] == len(service.tasks[-1].items)
    assert last.fields["so_far"] == service.tasks[-1].document["bytes_transferred"]


def test_what_is_asked_of_globus_is_what_was_meant(service: GlobusService, start: Callable[..., Poller]) -> None:
    poller = start()
    ends(poller.move(order(service, "a", Terms(total=3600.0, encrypt=True))), poller.move(order(service, "b")))
    first, second = sorted((task.body for task in service.tasks), key=lambda body: body["DATA"][0]["source_path"])
    assert (first["source_endpoint"], first["destination_endpoint"]) == (THERE, HERE)
    assert first["DATA"][0]["destination_path"] == "/w/a"
    assert first["label"] == "parsl_like run 7"
    assert (first["sync_level"], first["verify_checksum"], first["encrypt_data"]) == (3, True, True)
    assert first["skip_source_errors"]
    assert first["fail_on_quota_errors"]
    assert not any(first[f"notify_on_{what}"] for what in ("succeeded", "failed", "inactive"))
    assert first["deadline"].endswith("+00:00")
    assert second.get("deadline") is None


def test_a_file_that_is_not_there_fails_alone(service: GlobusService, start: Callable[..., Poller]) -> None:
    poller = start()
    good, bad = poller.move(order(service, "good")), poller.move(order(service, "bad", text=None))
    ends(good)
    error = failure(bad)
    assert error.url == f"globus://{THERE}/bad"
    assert f"Globus task {service.tasks[0].id} left it out: FILE_NOT_FOUND: No such file" in error.reason
    assert "https://app.globus.org/activity/" in error.reason
    assert len(service.tasks) == 1


def test_one_that_may_not_be_written_fails_at_once_and_the_others_come(
    service: GlobusService, start: Callable[..., Poller]
) -> None:
    service.denied.add("/w/f1")
    poller = start()
    futures = [poller.move(order(service, f"f{number}")) for number in (1, 10, 11)]
    error = failure(futures[0])
    assert "cannot go on and was cancelled: PERMISSION_DENIED" in error.reason
    assert "STOR /w/f1 Message: denied" in error.reason
    assert "rights on it" in error.reason
    ends(*futures[1:])
    assert service.tasks[0].cancelled


def test_a_task_that_failed_says_why_and_others_are_tried_again(
    service: GlobusService, start: Callable[..., Poller]
) -> None:
    fatal = {"code": "QUOTA_EXCEEDED", "description": "no room for /w/f1 left"}
    service.script.append({"status": "FAILED", "fatal_error": fatal, "nice_status": None})
    poller = start()
    futures = [poller.move(order(service, f"f{number}")) for number in (1, 2)]
    assert "failed: QUOTA_EXCEEDED: no room for /w/f1 left (there is no room left" in failure(futures[0]).reason
    assert ends(futures[1])[0].tries == 2
    assert not service.tasks[0].cancelled


def test_a_task_that_fails_for_no_file_in_particular_fails_for_all(
    service: GlobusService, start: Callable[..., Poller]
) -> None:
    service.script.append({"status": "FAILED", "fatal_error": {"code": "EXPIRED", "description": "deadline"}})
    poller = start()
    futures = [poller.move(order(service, f"f{number}")) for number in (1, 2)]
    assert ["failed: EXPIRED: deadline" in failure(future).reason for future in futures] == [True, True]


@pytest.mark.parametrize(
    "state",
    [
        {"status": "INACTIVE", "is_paused": True, "nice_status": "PAUSED_BY_ADMIN"},
        {"status": "ACTIVE", "is_paused": True, "nice_status": None},
    ],
)
def test_a_paused_task_is_explained(
    state: dict[str, Any],
    service: GlobusService,
    start: Callable[..., Poller],
    caplog: pytest.LogCaptureFixture,
) -> None:
    service.script.extend([state] * 10_000)
    future = start().move(order(service, "f", Terms(patience=0.3)))
    error = failure(future)
    assert "for 0.3 s and was cancelled: PAUSED_BY_ADMIN" in error.reason
    assert "disks are being changed" in error.reason
    assert "those who run the collection have paused it; ask them" in error.reason
    assert service.tasks[0].cancelled
    assert "has a fault, and goes on: PAUSED_BY_ADMIN" in caplog.text


def test_a_fault_that_passes_is_waited_for(service: GlobusService, start: Callable[..., Poller]) -> None:
    service.script.extend([{"nice_status": "GC_NOT_CONNECTED"}] * 5)
    service.script.append({"nice_status": "OK"})
    service.script.extend([{"nice_status": "Queued"}] * 5)
    assert ends(start().move(order(service, "f")))[0].size == 4


def test_a_fault_that_stays_is_not(service: GlobusService, start: Callable[..., Poller]) -> None:
    stays = {"nice_status": "GC_NOT_CONNECTED", "nice_status_details": "not connected"}
    service.script.extend([stays] * 10_000)
    error = failure(start().move(order(service, "f", Terms(patience=0.2))))
    assert "has not got on for 0.2 s and was cancelled: GC_NOT_CONNECTED: not connected" in error.reason
    assert "Globus Connect Personal does not run on that machine" in error.reason


def test_one_that_is_queued_waits_until_its_time_is_over(service: GlobusService, start: Callable[..., Poller]) -> None:
    service.script.extend([{"nice_status": "Queued"}] * 10_000)
    error = failure(start().move(order(service, "f", Terms(patience=0.05, total=0.5))))
    assert "took longer than 0.5 s and was cancelled" in error.reason


def test_errors_that_pass_are_waited_for_and_nothing_is_submitted_twice(
    service: GlobusService, start: Callable[..., Poller]
) -> None:
    service.fail("submission_id", 500, times=3)
    service.break_off("submission_id")
    service.fail("submit", 503, "ServiceUnavailable", "come back", times=3)
    service.break_off("submit", times=3)
    service.fail("look", 502, times=3)
    service.fail("skipped", 500, times=3)
    service.script.append({"subtasks_skipped_errors": 1})
    assert ends(start().move(order(service, "f")))[0].tries == 1
    assert len(set(service.submissions)) == len(service.tasks) == 1
    assert service.asked["submit"] > 6


def test_a_service_that_stays_away_is_given_up(service: GlobusService, start: Callable[..., Poller]) -> None:
    service.break_off("submit", times=10_000)
    error = failure(start().move(order(service, "f", Terms(patience=0.3))))
    assert "Globus cannot be reached: connection reset by a test" in error.reason


def test_what_is_known_is_told_even_if_globus_says_no_more(
    service: GlobusService, start: Callable[..., Poller]
) -> None:
    service.denied.add("/w/f")
    service.break_off("events", times=10_000)
    error = failure(start().move(order(service, "f", Terms(patience=0.3))))
    assert "cannot go on and was cancelled: PERMISSION_DENIED: permission denied" in error.reason
    assert service.tasks[0].cancelled


@pytest.mark.parametrize(
    ("kind", "status", "code", "message", "sentence"),
    [
        (
            "submit",
            404,
            "EndpointNotFound",
            "No such endpoint",
            "Globus answers 404 EndpointNotFound: No such endpoint",
        ),
        ("submit", 401, "AuthenticationFailed", "expired", "does not know you any more (expired); run `parsl-like"),
        ("submit", 502, "ExternalError.Gone", "disk broken", "Globus answers 502 ExternalError.Gone: disk broken"),
        (
            "look",
            404,
            "TaskNotFound",
            "No task",
            "is not known to have ended: Globus answers 404 TaskNotFound: No task",
        ),
    ],
)
def test_an_error_that_stays_is_told_at_once(
    kind: str, status: int, code: str, message: str, sentence: str, service: GlobusService, start: Callable[..., Poller]
) -> None:
    service.fail(kind, status, code, message, times=5)
    assert sentence in failure(start().move(order(service, "f"))).reason


def test_a_missing_consent_names_the_command_that_gives_it(
    service: GlobusService, start: Callable[..., Poller]
) -> None:
    service.consents.add(HERE)
    error = failure(start().move(order(service, "f")))
    assert f"run `parsl-like globus-auth {THERE} {HERE}` and start again" in error.reason


def test_closing_cancels_what_is_under_way_and_ends_every_future(
    service: GlobusService, start: Callable[..., Poller]
) -> None:
    service.script.extend([{"nice_status": "OK"}] * 100_000)
    poller = start()
    futures = [poller.move(order(service, "f"))]
    assert service.looked.wait(30)
    futures.append(poller.move(order(service, "late")))
    poller.close(time.monotonic() + 30)
    assert not wait(futures, timeout=10).not_done
    assert all("closed" in failure(future).reason for future in futures)
    assert service.tasks[0].cancelled
    with pytest.raises(StagingError, match="the run is being closed"):
        poller.move(order(service, "later"))


def test_an_order_that_was_cancelled_before_its_turn_is_not_submitted(
    service: GlobusService, start: Callable[..., Poller]
) -> None:
    poller = start(Tempo(linger=0.3, first_look=0.01, longest_look=0.02))
    held = poller._condition
    with held:  # the thread takes orders only when it has this
        futures = [poller.move(order(service, name)) for name in ("kept", "gone")]
        assert futures[1].cancel()
    ends(futures[0])
    assert [len(task.items) for task in service.tasks] == [1]


def test_a_file_that_two_want_at_the_same_place_is_asked_for_once(
    service: GlobusService, start: Callable[..., Poller]
) -> None:
    poller, wanted = start(), order(service, "f")
    assert [carried.size for carried in ends(poller.move(wanted), poller.move(wanted))] == [4, 4]
    assert [len(task.items) for task in service.tasks] == [1]


def test_no_more_tasks_than_globus_works_on_at_once(service: GlobusService, start: Callable[..., Poller]) -> None:
    poller = start(Tempo(linger=0.01, first_look=0.01, longest_look=0.02, files=2, tasks=1))
    ends(*[poller.move(order(service, f"f{number}")) for number in range(7)])
    assert [len(task.items) for task in service.tasks] == [2, 2, 2, 1]


@pytest.mark.parametrize("seed", range(20261122, 20261126))
def test_whatever_goes_wrong_on_the_way_each_file_ends_as_it_should(
    seed: int, service: GlobusService, start: Callable[..., Poller]
) -> None:
    chance = random.Random(seed)
    names = [f"f{number}" for number in range(60)]
    missing, denied = set(chance.sample(names, 6)), set(chance.sample(names, 2))
    service.denied = {f"/w/{name}" for name in denied}
    for kind in ("submission_id", "submit", "look", "skipped", "events", "moved"):
        for _ in range(chance.randrange(12)):
            if chance.random() < 0.5:
                service.fail(kind, chance.choice([429, 500, 503]), "Passing", "come again")
            else:
                service.break_off(kind)
    poller = start(dataclasses.replace(QUICK, files=25, tries=8))
    futures = {}
    for name in names:
        service.script.extend({"nice_status": "CONNECTION_FAILED"} for _ in range(chance.randrange(3)))
        futures[name] = poller.move(order(service, name, text=None if name in missing else name))
        if chance.random() < 0.1:
            threading.Event().wait(0.06)
    for name, future in futures.items():
        if name in missing or name in denied:
            assert failure(future).url.endswith(f"/{name}")
        else:
            assert future.exception(timeout=60) is None, name
            assert (service.collections[HERE] / "w" / name).read_text() == name
    assert service.threads == {"parsl-like-globus"}


def test_an_error_of_its_own_ends_the_futures_and_not_the_thread(
    service: GlobusService, start: Callable[..., Poller], monkeypatch: pytest.MonkeyPatch
) -> None:
    poller = start()
    with monkeypatch.context() as patch:
        patch.setattr(Link, "new_id", lambda _: 1 / 0)
        assert "an error of parsl_like's own: ZeroDivisionError" in failure(poller.move(order(service, "f"))).reason
    ends(poller.move(order(service, "g")))
