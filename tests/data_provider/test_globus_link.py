"""What Globus answers, in words that a user can do something with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.data_provider.globus_batch import Gathering, Parcel, Tempo, at_fault
from parsl_like.data_provider.globus_link import ConsentNeeded, Order, Route, Terms, in_words, look_of, refusal
from tests.data_provider.globus_service import fixture

if TYPE_CHECKING:
    from concurrent.futures import Future

testing = pytest.importorskip("globus_sdk.testing")

ROUTE = Route("source", "target", Terms())


def parcel(name: str, route: Route = ROUTE) -> Parcel:
    future: Future[Any] = None  # type: ignore[assignment] # nobody waits for these
    return Parcel(Order(route, name, f"/s/{name}", f"/t/{name}", f"/t/{name}"), future, 0.0)


def test_a_task_of_the_fixtures_has_come_whole() -> None:
    look = look_of(fixture("task_list")["DATA"][0])
    assert look == ("SUCCEEDED", "", "", False, 4, 1, False)
    assert not look.is_hopeless


@pytest.mark.parametrize(
    ("document", "fault", "details", "waits"),
    [
        ({}, "", "", False),
        ({"status": "ACTIVE", "nice_status": "OK", "nice_status_details": None}, "", "", False),
        ({"status": "ACTIVE", "nice_status": "Queued"}, "", "", True),
        ({"status": "ACTIVE", "nice_status": "Checking", "is_ok": True}, "", "", False),
        (
            {"status": "ACTIVE", "nice_status": "CONNECTION_FAILED", "nice_status_details": "x"},
            *("CONNECTION_FAILED", "x", False),
        ),
        (
            {"status": "FAILED", "fatal_error": {"code": "CANCELED", "description": "by admin"}, "nice_status": None},
            *("CANCELED", "by admin", False),
        ),
        (
            {
                "status": "FAILED",
                "fatal_error": {"code": "CANCELED", "description": "by admin"},
                "canceled_by_admin_message": "no more room this week",
            },
            *("CANCELED", "no more room this week", False),
        ),
        ({"status": "ACTIVE", "is_paused": True, "nice_status": None}, "PAUSED_BY_ADMIN", "", False),
        ({"status": 7, "fatal_error": [], "nice_status": {}, "bytes_transferred": "many"}, "", "", False),
    ],
)
def test_what_is_wrong_with_a_task(document: dict[str, Any], fault: str, details: str, waits: bool) -> None:
    look = look_of(document)
    assert (look.fault, look.details, look.waits) == (fault, details, waits)


def test_a_failure_names_task_cause_faults_advice_and_place() -> None:
    look = look_of({"status": "FAILED", "fatal_error": {"code": "EXPIRED_DEADLINE", "description": "too\n late"}})
    text = in_words("t-1", look, ["GC_NOT_CONNECTED: laptop", "GC_NOT_CONNECTED: laptop", ""], "failed")
    assert text == (
        "Globus task t-1 failed: EXPIRED_DEADLINE: too late; its latest faults: GC_NOT_CONNECTED: laptop"
        " (Globus Connect Personal does not run on that machine; start it)."
        " More is at https://app.globus.org/activity/t-1"
    )
    assert "EXPIRED_DEADLINE" in in_words("t-1", look, (), "failed")


def refused(status: int, headers: dict[str, str] | None = None, **body: Any) -> Any:
    import globus_sdk

    document = {"code": "", "message": "", "request_id": "r", **body}
    return refusal(
        testing.construct_error(
            error_class=globus_sdk.TransferAPIError,
            http_status=status,
            body=document,
            response_headers=headers and {"Content-Type": "application/json", **headers},
        ),
        ("one", "two"),
    )


def test_a_consent_is_asked_for_with_its_scopes() -> None:
    trouble = refused(403, code="ConsentRequired", message="Missing consent", required_scopes=["scope"])
    assert isinstance(trouble, ConsentNeeded)
    assert trouble.scopes == ("scope",)
    assert not trouble.transient
    assert "run `parsl-like globus-auth one two`" in trouble.reason


@pytest.mark.parametrize(
    ("status", "body", "passes"),
    [
        (429, {"code": "RateLimited"}, True),
        (500, {"code": "InternalError"}, True),
        (502, {"code": "ExternalError.DirListingFailed"}, False),
        (503, {"code": "ServiceUnavailable"}, True),
        (504, {"code": "EndpointError"}, False),
        (400, {"code": "ClientError.BadRequest.NoTransferItems"}, False),
        (403, {"code": "PermissionDenied"}, False),
        (409, {"code": "Conflict"}, False),
    ],
)
def test_which_errors_pass(status: int, body: dict[str, str], passes: bool) -> None:
    trouble = refused(status, **body, message="in words")
    assert trouble.transient is passes
    assert f"Globus answers {status} {body['code']}: in words" in trouble.reason


def test_a_service_says_how_long_it_wants_to_be_left_alone() -> None:
    assert refused(429, {"Retry-After": "17"}, code="RateLimited").wait == 17.0
    assert refused(429, {"Retry-After": "tomorrow"}, code="RateLimited").wait is None


def test_a_login_that_a_collection_wants_is_told() -> None:
    wanted = {"session_message": "use your university's login", "session_required_single_domain": ["uni.edu"]}
    trouble = refused(403, code="AuthorizationRequired", message="no", authorization_parameters=wanted)
    assert "the collection wants another login (use your university's login)" in trouble.reason


# --- gathering


def test_files_are_gathered_by_route_until_no_more_come() -> None:
    gathering, other = Gathering(Tempo(linger=1.0, longest_linger=5.0, files=3)), Route("x", "y", Terms())
    assert gathering.due() is None
    gathering.add(parcel("a"), 0.0)
    gathering.add(parcel("b", other), 0.5)
    assert gathering.due() == 1.0
    gathering.add(parcel("c"), 0.9)
    assert gathering.leave(1.0, 9) == []
    (first,) = gathering.leave(1.6, 9)
    assert first.route == other
    (second,) = gathering.leave(1.9, 9)
    assert [each.order.url for each in second.parcels] == ["a", "c"]
    assert gathering.due() is None


def test_nobody_is_kept_waiting_by_those_who_keep_coming() -> None:
    gathering = Gathering(Tempo(linger=1.0, longest_linger=2.0))
    for number in range(5):
        gathering.add(parcel(str(number)), number * 0.5)
    (batch,) = gathering.leave(2.0, 1)
    assert len(batch.parcels) == 5


def test_as_many_batches_leave_as_there_is_room_for() -> None:
    gathering = Gathering(Tempo(files=2))
    for number in range(5):
        gathering.add(parcel(str(number)), 0.0)
    assert [len(batch.parcels) for batch in gathering.leave(0.0, 1)] == [2]
    assert [len(batch.parcels) for batch in gathering.leave(100.0, 9)] == [2, 1]
    gathering.add(parcel("a"), 0.0)
    gathering.add(parcel("b", Route("x", "y", Terms())), 0.0)
    assert len(gathering.all()) == 2
    assert gathering.due() is None


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("STOR /t/f1 failed", ["f1"]),
        ("could not write /t/f1.", ["f1"]),
        ('{"path": "/s/f10"}', ["f10"]),
        ("/t/f1.part and /t/f1/x and /t/f11", []),
        ("disk of /t full", []),
    ],
)
def test_faults_name_files(text: str, named: list[str]) -> None:
    parcels = [parcel(name) for name in ("f1", "f10", "f")]
    assert [each.order.url for each in at_fault(parcels, [text])] == named
