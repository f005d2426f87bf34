"""What is said to Globus Transfer, through globus-sdk, and its answers in words.

Source: Globus Transfer API documentation, "Task Submission", "Task Management", "Task Events" and "Task Behavior".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from parsl_like.errors import OptionalModuleMissing
from parsl_like.remote.transfers.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

REQUEST_S = 30.0
"""Seconds that one request may take."""

EVENTS = 10
"""Of the latest faults of a task, so many are asked for."""

ACTIVITY = "https://app.globus.org/activity"
"""Where people look at their tasks."""

LOGIN = "parsl-like globus-auth"

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_HOPELESS = frozenset({"PERMISSION_DENIED", "FILE_NOT_FOUND", "QUOTA_EXCEEDED", "NOT_A_FILE", "IS_A_DIRECTORY"})
_WAITS = frozenset({"QUEUED", "OK", "ACTIVE"})
_ADVICE = {
    "GC_NOT_CONNECTED": "Globus Connect Personal does not run on that machine; start it",
    "GC_PAUSED": "Globus Connect Personal is paused on that machine; have it go on",
    "PERMISSION_DENIED": "your Globus identity may not do that there; look at the path and at the rights on it",
    "FILE_NOT_FOUND": "look at the path: it is the one that the collection shows, not that of the machine behind it",
    "QUOTA_EXCEEDED": "there is no room left for you at the destination",
    "PAUSED_BY_ADMIN": "those who run the collection have paused it; ask them",
    "EXPIRED": "log in to the collection again at app.globus.org",
}


class Terms(NamedTuple):
    """What is asked of a transfer besides moving.

    Attributes:
        verify: Whether the checksums of both ends are compared afterwards.
        sync: Which files that are there already are not moved again: "exists", "size", "mtime" or "checksum" say by
            what they are known to be the same; None to move all.
        encrypt: Whether the contents are encrypted on the way.
        total: Seconds that it may take, as long as it would otherwise; None for Globus's own bound of a day.
        patience: Seconds without progress, with a fault, after which it is given up.
    """

    verify: bool = True
    sync: str | None = "checksum"
    encrypt: bool = False
    total: float | None = None
    patience: float = 600.0


class Route(NamedTuple):
    """Files of the same route may travel in one task of Globus.

    Attributes:
        source: UUID of the collection that has them.
        target: UUID of the one that gets them.
        terms: What is asked besides.
    """

    source: str
    target: str
    terms: Terms


class Order(NamedTuple):
    """A file to be moved.

    Attributes:
        route: From where to where.
        url: How the file is called in errors.
        source: Its path at the one end.
        target: Its path at the other.
        path: Where tasks of an executor see it, at one of the ends.
    """

    route: Route
    url: str
    source: str
    target: str
    path: str

    @property
    def is_done(self) -> bool:
        """Whether both ends are the same."""
        return (self.route.source, self.source) == (self.route.target, self.target)


class Look(NamedTuple):
    """A task as Globus tells of it.

    Attributes:
        status: "ACTIVE", "INACTIVE" (it waits for somebody), "SUCCEEDED" or "FAILED".
        fault: The code of what is wrong with it, or was at last; "" for nothing.
        details: More of that, in Globus's words.
        waits: Whether it goes on by itself though nothing moves: it is queued behind others.
        moved: Bytes so far.
        files: Files so far.
        skipped: Whether there are files that it could not read and left out.
    """

    status: str
    fault: str
    details: str
    waits: bool
    moved: int
    files: int
    skipped: bool

    @property
    def is_hopeless(self) -> bool:
        """Whether the fault is one that waiting does not mend."""
        return self.fault in _HOPELESS


def look_of(task: Mapping[str, Any]) -> Look:
    """What a task document says; fields that are missing or of another type say nothing."""
    status = _text(task.get("status")) or "ACTIVE"
    fatal = task.get("fatal_error")
    fatal = fatal if isinstance(fatal, Mapping) else {}
    nice = _text(task.get("nice_status")).upper().replace(" ", "_")
    fault = _text(fatal.get("code")) or ("" if nice in _WAITS or task.get("is_ok") is True else nice)
    details = (
        _text(task.get("canceled_by_admin_message"))
        or _text(fatal.get("description"))
        or _text(task.get("nice_status_details"))
        or _text(task.get("nice_status_short_description"))
    )
    if task.get("is_paused") is True:
        fault = fault or "PAUSED_BY_ADMIN"
    skipped = task.get("subtasks_skipped_errors")
    return Look(
        status=status,
        fault=fault,
        details=details if fault else "",
        waits=not fault and nice == "QUEUED",
        moved=_number(task.get("bytes_transferred")),
        files=_number(task.get("files_transferred")) + _number(task.get("files_skipped")),
        skipped=skipped != 0,  # one that does not say it is asked
    )


def in_words(task: str, look: Look, faults: Sequence[str], ending: str) -> str:
    """Why files did not arrive.

    Args:
        task: The task's id.
        look: Its last state.
        faults: Its latest faults, newest first.
        ending: What became of it, as in "failed".
    """
    said = f"Globus task {task} {ending}"
    cause = ": ".join(part for part in (look.fault, _one_line(look.details)) if part)
    if cause:
        said += f": {cause}"
    news = [fault for fault in dict.fromkeys(faults) if fault and fault not in said]
    if news:
        said += f"; its latest faults: {' | '.join(news[:3])}"
    advice = _ADVICE.get(look.fault)
    if advice is None:
        advice = next((words for code, words in _ADVICE.items() if any(code in fault for fault in faults)), None)
    return f"{said}{f' ({advice})' if advice else ''}. More is at {ACTIVITY}/{task}"


class Link:
    """Requests to Globus Transfer. Who asks again after an error that passes, and when, is the caller's affair.

    Args:
        client: A ``globus_sdk.TransferClient``.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def new_id(self) -> str:
        """An id by which a submission that is repeated is known to be the same.

        Raises:
            Trouble: there is none to be had.
        """
        return str(self._asked(lambda: self._client.get_submission_id()["value"]))

    def submit(self, submission: str, route: Route, orders: Iterable[Order], label: str, deadline: str | None) -> str:
        """Have files moved; gives the task's id. Done again with the same id, it is the same task.

        Args:
            submission: What :meth:`new_id` gave.
            route: From where to where.
            orders: The files.
            label: How people find it.
            deadline: When Globus gives it up, as ISO 8601; None for when it likes.

        Raises:
            Trouble: it is not taken.
        """
        said: dict[str, Any] = {"verify_checksum": route.terms.verify, "encrypt_data": route.terms.encrypt}
        if route.terms.sync is not None:
            said["sync_level"] = route.terms.sync
        if deadline is not None:
            said["deadline"] = deadline
        data = sdk().TransferData(
            source_endpoint=route.source,
            destination_endpoint=route.target,
            label=label,
            submission_id=submission,
            skip_source_errors=True,  # one file that is not there is not to hold up the others for a day
            fail_on_quota_errors=True,
            notify_on_succeeded=False,
            notify_on_failed=False,
            notify_on_inactive=False,
            **said,
        )
        for source, target in dict.fromkeys((order.source, order.target) for order in orders):
            data.add_item(source, target)
        return str(self._asked(lambda: self._client.submit_transfer(data)["task_id"], (route.source, route.target)))

    def look(self, task: str) -> Look:
        """How a task is.

        Raises:
            Trouble: that cannot be had.
        """
        return self._asked(lambda: look_of(self._client.get_task(task).data))

    def faults(self, task: str) -> list[str]:
        """The latest faults of a task, newest first.

        Raises:
            Trouble: they cannot be had.
        """
        query = {"limit": EVENTS, "filter": "is_error:1"}
        events = self._asked(lambda: list(self._client.task_event_list(task, query_params=query)))
        return [_told(event) for event in events[:EVENTS]]

    def pause(self, task: str) -> str:
        """Why those who run a collection have paused a task; "" if they do not say.

        Raises:
            Trouble: that cannot be had.
        """
        info = self._asked(lambda: self._client.task_pause_info(task).data)
        rules = info.get("pause_rules")
        said = [_text(rule.get("message")) for rule in rules if isinstance(rule, Mapping)] if rules else []
        said += [_text(info.get(f"{end}_pause_message")) for end in ("source", "destination")]
        return "; ".join(dict.fromkeys(_one_line(words) for words in said if words))

    def left_out(self, task: str) -> dict[str, str]:
        """The paths at the source that a task could not read, and why.

        Raises:
            Trouble: that cannot be had.
        """
        errors = self._asked(lambda: list(self._client.paginated.task_skipped_errors(task).items()))
        return {
            _text(error.get("source_path")): f"{_text(error.get('error_code'))}: "
            f"{_one_line(_text(error.get('error_details')))}"
            for error in errors
        }

    def arrived(self, task: str) -> frozenset[str]:
        """The paths at the target of the files that a task, which has ended, has moved.

        Raises:
            Trouble: that cannot be had.
        """
        files = self._asked(lambda: list(self._client.paginated.task_successful_transfers(task).items()))
        return frozenset(_text(file.get("destination_path")) for file in files)

    def cancel(self, task: str) -> None:
        """End a task.

        Raises:
            Trouble: it cannot be ended.
        """
        self._asked(lambda: self._client.cancel_task(task))

    def can_list(self, collection: str) -> str:
        """Look into a collection; its name, as far as Globus tells it.

        Raises:
            Trouble: the user cannot.
        """
        self._asked(lambda: self._client.operation_ls(collection, query_params={"limit": 1}), (collection,))
        return str(self._asked(lambda: self._client.get_endpoint(collection).get("display_name") or collection))

    def _asked(self, ask: Callable[[], T], collections: Sequence[str] = ()) -> T:
        module = sdk()
        try:
            return ask()
        except module.GlobusAPIError as error:
            raise refusal(error, collections) from error
        except module.NetworkError as error:
            raise Trouble(f"Globus cannot be reached: {_one_line(_cause(error))}", transient=True) from error
        except (KeyError, TypeError, AttributeError, ValueError, module.GlobusError) as error:
            raise Trouble(f"Globus answers what is not understood: {type(error).__name__}: {error}") from error


class ConsentNeeded(Trouble):
    """The user has to allow something that he was not asked for when he logged in.

    Args:
        reason: In words.
        scopes: What he has to allow.
    """

    def __init__(self, reason: str, scopes: Sequence[str]) -> None:
        super().__init__(reason)
        self.scopes = tuple(scopes)


def refusal(error: Any, collections: Sequence[str] = ()) -> Trouble:
    """What an error of one of Globus's services means.

    Args:
        error: A ``globus_sdk.GlobusAPIError``.
        collections: Those that were asked for.
    """
    consent = error.info.consent_required
    if consent:
        words = " ".join(collections)
        reason = f"your consent is missing for Globus to use the collection; run `{LOGIN} {words}`".rstrip()
        return ConsentNeeded(f"{reason} and start again", consent.required_scopes)
    said = _one_line(error.message or error.text or "")
    code = str(error.code or "")
    if error.http_status == 401 or (error.http_status == 400 and "invalid_grant" in f"{code} {said} {error.text}"):
        return Trouble(f"Globus does not know you any more ({said or code}); run `{LOGIN} --force`")
    if error.info.authorization_parameters:
        told = error.info.authorization_parameters.session_message or said
        return Trouble(f"the collection wants another login ({_one_line(told)}); log in to it at app.globus.org")
    passing = error.http_status in _PASSING and not ("ExternalError" in code or "EndpointError" in code)
    wait = _seconds(error.headers.get("Retry-After"))
    return Trouble(f"Globus answers {error.http_status} {code}: {said}".rstrip(": "), transient=passing, wait=wait)


def sdk() -> Any:
    """The module ``globus_sdk``.

    Raises:
        OptionalModuleMissing: it is not installed.
    """
    try:
        import globus_sdk
    except ImportError as error:
        what = "files are moved by Globus (pip install 'parsl_like[globus]')"
        raise OptionalModuleMissing(["globus_sdk"], what) from error
    return globus_sdk


def transfer_client(authorizer: Any) -> Any:
    """A client of Globus Transfer that does not try long by itself.

    Raises:
        OptionalModuleMissing: globus-sdk is not installed.
    """
    module = sdk()
    try:
        from globus_sdk.transport import RequestsTransport, RetryConfig
    except ImportError:  # before version 4
        return module.TransferClient(
            authorizer=authorizer, transport_params={"max_retries": 1, "http_timeout": REQUEST_S}
        )
    return module.TransferClient(
        authorizer=authorizer,
        transport=RequestsTransport(http_timeout=REQUEST_S),
        retry_config=RetryConfig(max_retries=1),  # with a new token, if the old one has ended early
    )


def _told(event: Any) -> str:
    code = _text(event.get("code"))
    details = _one_line(_text(event.get("details")) or _text(event.get("description")), 500)
    return f"{code}: {details}" if details else code


def _cause(error: Any) -> str:
    inner = getattr(error, "underlying_exception", None)
    return str(inner if inner is not None else error)


def _one_line(text: str, most: int = 300) -> str:
    return " ".join(text.split())[:most]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _seconds(value: str | None) -> float | None:
    return float(value) if value is not None and value.isdigit() else None
