"""Globus as far as files need it: its services answer in this process, and its collections are directories.

The answers have the shapes of the fixtures that globus-sdk brings for tests (``globus_sdk.testing``).
"""

from __future__ import annotations

import json
import re
import shutil
import threading
import uuid
from collections import defaultdict, deque
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs

import pytest

pytest.importorskip("globus_sdk.testing")
responses = pytest.importorskip("responses")

import requests  # noqa: E402 - it comes with globus-sdk
from globus_sdk.testing import get_response_set  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TRANSFER = "https://transfer.api.globus.org/v0.10"
TOKENS = "https://auth.globus.org/v2/oauth2/token"
HERE, THERE = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
Answer = tuple[int, dict[str, str], str]


def fixture(name: str) -> Any:
    """The document of one of the fixtures of globus-sdk."""
    answer = get_response_set(f"transfer.{name}").lookup("default")
    return json.loads(json.dumps(answer.json))  # type: ignore[union-attr]


class Task:
    """A task of Globus.

    Args:
        body: What was submitted.
        script: What it says of itself before it does its work, one look after another.
    """

    def __init__(self, body: Mapping[str, Any], script: deque[dict[str, Any]]) -> None:
        self.id = str(uuid.uuid4())
        self.body, self.script = body, script
        self.document: dict[str, Any] = {**fixture("task_list")["DATA"][0], "task_id": self.id, "status": "ACTIVE"}
        self.document |= {"bytes_transferred": 0, "files_transferred": 0, "nice_status": "OK", "completion_time": None}
        self.moved: list[dict[str, Any]] = []
        self.skipped: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.cancelled = False

    @property
    def items(self) -> list[dict[str, Any]]:
        """The files that it was asked to move."""
        found: list[dict[str, Any]] = self.body["DATA"]
        return found


class GlobusService:
    """Globus's services, for ``with``.

    Args:
        collections: Directories by the UUIDs of the collections that show them.

    Attributes:
        tasks: What was submitted, in order.
        script: What the next tasks say of themselves before they do their work.
        denied: Paths at targets that may not be written.
        consents: Collections that want the user's consent.
        asked: How often each kind of request was made.
        threads: The threads that made requests to Globus Transfer.
        looked: Set when a task has been looked at.
        refreshed: The refresh tokens for which new access tokens were asked.
        revoked: The tokens that were given back.
        logins: The verifiers of the logins that there were.
        submissions: The ids under which something was submitted.
        code: What a user is shown when he has logged in.
        pause: Why tasks are paused.
    """

    def __init__(self, collections: Mapping[str, Path]) -> None:
        self.collections = dict(collections)
        self.tasks: list[Task] = []
        self.script: deque[dict[str, Any]] = deque()
        self.denied: set[str] = set()
        self.consents: set[str] = set()
        self.asked: dict[str, int] = defaultdict(int)
        self.threads: set[str] = set()
        self.refreshed: list[str] = []
        self.revoked: list[str] = []
        self.logins: list[str] = []
        self.submissions: list[str] = []
        self.looked = threading.Event()
        self.code = "the-code"
        self.pause = "disks are being changed"
        self._troubles: dict[str, deque[Answer | Exception]] = defaultdict(deque)
        self._lock = threading.Lock()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        mock = self._stack.enter_context(responses.RequestsMock(assert_all_requests_are_fired=False))
        for kind, method, path in (
            ("submission_id", "GET", "/submission_id"),
            ("submit", "POST", "/transfer"),
            ("look", "GET", r"/task/[^/]+"),
            ("events", "GET", r"/task/[^/]+/event_list"),
            ("skipped", "GET", r"/task/[^/]+/skipped_errors"),
            ("moved", "GET", r"/task/[^/]+/successful_transfers"),
            ("pause", "GET", r"/task/[^/]+/pause_info"),
            ("cancel", "POST", r"/task/[^/]+/cancel"),
            ("ls", "GET", r"/operation/endpoint/[^/]+/ls"),
            ("collection", "GET", r"/endpoint/[^/]+"),
        ):
            url = re.compile(re.escape(TRANSFER) + path + r"(\?.*)?$")
            mock.add_callback(method, url, self._answerer(kind))
        mock.add_callback("POST", TOKENS, self._answerer("token"))
        mock.add_callback("POST", f"{TOKENS}/revoke", self._answerer("revoke"))
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def fail(self, kind: str, status: int, code: str = "", message: str = "", times: int = 1, **more: Any) -> None:
        """Have the next requests of a kind refused; keywords with ``_`` first are headers."""
        headers = {name[1:].replace("_", "-"): value for name, value in more.items() if name.startswith("_")}
        body = {"code": code, "message": message, "request_id": "abc", "resource": "/"}
        body |= {name: value for name, value in more.items() if not name.startswith("_")}
        for _ in range(times):
            self._troubles[kind].append((status, headers, json.dumps(body)))

    def break_off(self, kind: str, times: int = 1) -> None:
        """Have the next requests of a kind get no answer."""
        for _ in range(times):
            self._troubles[kind].append(requests.ConnectionError("connection reset by a test"))

    # --- answers

    def _answerer(self, kind: str) -> Any:
        def answer(request: requests.PreparedRequest) -> Answer:
            with self._lock:
                self.asked[kind] += 1
                if kind not in ("token", "revoke"):
                    self.threads.add(threading.current_thread().name)
                    if request.headers.get("Authorization") not in ("Bearer access", "Bearer fresh"):
                        return _json({"code": "AuthenticationFailed", "message": "Token is not active"}, 401)
                if self._troubles[kind]:
                    trouble = self._troubles[kind].popleft()
                    if isinstance(trouble, Exception):
                        raise trouble
                    return trouble[0], {"Content-Type": "application/json", **trouble[1]}, trouble[2]
                found: Answer = getattr(self, f"_{kind}")(request)
                return found

        return answer

    def _submission_id(self, _request: Any) -> Answer:
        return _json({**fixture("get_submission_id"), "value": str(uuid.uuid4())})

    def _submit(self, request: Any) -> Answer:
        body = json.loads(request.body)
        self.submissions.append(body["submission_id"])
        for end in ("source_endpoint", "destination_endpoint"):
            if body[end] in self.consents:
                return _consent(body[end])
            if body[end] not in self.collections:
                message = f"No such endpoint {body[end]}"
                return _json({"code": "EndpointNotFound", "message": message, "request_id": "abc"}, 404)
        for task in self.tasks:
            if task.body["submission_id"] == body["submission_id"]:
                return _json({**fixture("submit_transfer"), "code": "Duplicate", "task_id": task.id})
        self.tasks.append(Task(body, self.script))
        self.script = deque()
        return _json({**fixture("submit_transfer"), "task_id": self.tasks[-1].id}, 202)

    def _look(self, request: Any) -> Answer:
        task = self._task(request)
        self.looked.set()
        if task is None:
            return _json({"code": "TaskNotFound", "message": "No such task", "request_id": "abc"}, 404)
        if task.script:
            task.document |= task.script.popleft()
        elif task.document["status"] == "ACTIVE":
            self._work(task)
        return _json(task.document)

    def _work(self, task: Task) -> None:
        held_up = False
        for item in task.items:
            source = self._path(task.body["source_endpoint"], item["source_path"])
            target = self._path(task.body["destination_endpoint"], item["destination_path"])
            if item in task.moved:
                continue
            if item["destination_path"] in self.denied:
                held_up = True
                details = f"Error (open)\nServer: localhost\nCommand: STOR {item['destination_path']}\nMessage: denied"
                task.events.insert(0, {"code": "PERMISSION_DENIED", "is_error": True, "details": details})
            elif not source.is_file():
                if not any(skipped["source_path"] == item["source_path"] for skipped in task.skipped):
                    told = {"error_code": "FILE_NOT_FOUND", "error_details": "No such file", **item}
                    task.skipped.append(told)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
                task.document["bytes_transferred"] += target.stat().st_size
                task.document["files_transferred"] += 1
                task.moved.append(item)
        task.document["subtasks_skipped_errors"] = len(task.skipped)
        if held_up:
            task.document |= {"nice_status": "PERMISSION_DENIED", "nice_status_details": "permission denied"}
        else:
            task.document |= {"status": "SUCCEEDED", "nice_status": None}

    def _events(self, request: Any) -> Answer:
        events = [{"DATA_TYPE": "event", "description": "", **event} for event in self._task(request).events]
        return _json({"DATA_TYPE": "event_list", "DATA": events, "total": len(events), "limit": 10, "offset": 0})

    def _skipped(self, request: Any) -> Answer:
        return _json({"DATA_TYPE": "skipped_errors", "DATA": self._task(request).skipped, "next_marker": None})

    def _moved(self, request: Any) -> Answer:
        return _json({"DATA_TYPE": "successful_transfers", "DATA": self._task(request).moved, "next_marker": None})

    def _pause(self, request: Any) -> Answer:
        rules = [{"DATA_TYPE": "pause_rule_limited", "message": self.pause}]
        return _json({"DATA_TYPE": "pause_info_limited", "pause_rules": rules, "source_pause_message": None})

    def _cancel(self, request: Any) -> Answer:
        task = self._task(request)
        task.cancelled = True
        task.document |= {"status": "FAILED", "fatal_error": {"code": "CANCELED", "description": "Canceled by user"}}
        return _json(fixture("cancel_task"))

    def _ls(self, request: Any) -> Answer:
        collection = request.url.split("/")[-2]
        if collection in self.consents:
            return _consent(collection)
        if collection not in self.collections:
            return _json({"code": "EndpointNotFound", "message": "No such collection", "request_id": "abc"}, 404)
        return _json({"DATA_TYPE": "file_list", "DATA": []})

    def _collection(self, request: Any) -> Answer:
        return _json(fixture("get_endpoint"))

    def _token(self, request: Any) -> Answer:
        form = {name: values[0] for name, values in parse_qs(request.body).items()}
        if form["grant_type"] == "refresh_token":
            self.refreshed.append(form["refresh_token"])
            if form["refresh_token"] != "refresh":
                return _json({"error": "invalid_grant"}, 400)
            return _json(granted("fresh"))
        if form["code"] != self.code:
            return _json({"error": "invalid_grant"}, 401)
        if self.logins:  # who logs in again does so to consent
            self.consents.clear()
        self.logins.append(form["code_verifier"])
        return _json({**granted("access"), "refresh_token": "refresh"})

    def _revoke(self, request: Any) -> Answer:
        self.revoked.append(parse_qs(request.body)["token"][0])
        return _json({"active": False})

    def _task(self, request: Any) -> Any:
        wanted = re.search(r"/task/([^/?]+)", request.url)
        return next((task for task in self.tasks if wanted is not None and task.id == wanted[1]), None)

    def _path(self, collection: str, path: str) -> Path:
        return self.collections[collection] / path.lstrip("/")


def granted(token: str) -> dict[str, Any]:
    """An answer of Globus Auth with an access token."""
    return {
        "access_token": token,
        "scope": "urn:globus:auth:scope:transfer.api.globus.org:all",
        "expires_in": 172800,
        "token_type": "Bearer",
        "resource_server": "transfer.api.globus.org",
        "state": "_default",
        "other_tokens": [],
    }


def _consent(collection: str) -> Answer:
    scope = f"https://auth.globus.org/scopes/{collection}/data_access"
    wanted = [f"urn:globus:auth:scope:transfer.api.globus.org:all[*{scope}]"]
    message = "Missing required data_access consent"
    return _json({"code": "ConsentRequired", "message": message, "request_id": "abc", "required_scopes": wanted}, 403)


def _json(document: Any, status: int = 200) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(document)
