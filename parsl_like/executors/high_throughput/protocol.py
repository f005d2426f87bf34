"""Messages between driver, interchange and managers: frozen, versioned, encoded here and nowhere else.

Every message is one msgpack frame, followed by the frames of out-of-band buffers that its items count
(``TaskItem.buffers``, ``ResultItem.buffers``), in the order of the items. Nothing in a message is ever unpickled by
the interchange: bodies, functions and results are opaque bytes to it, and results even stay encoded
(``Results.items`` is raw), so that the frame a manager sent is the frame the driver reads.

Two links join each pair: *data* (functions, tasks, results) and *control* (registration, heartbeats, cancel, drain,
acknowledgements), so that a heartbeat never waits behind a large argument.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import msgspec

from parsl_like.errors import BadMessage

PROTOCOL_VERSION = 2
"""Raised whenever a message changes its meaning; peers of another version are refused by name."""

MAX_FRAME = 64 * 1024 * 1024
"""The largest frame, in bytes, of anything but a function; large values travel as buffers of their own."""

MAX_FUNCTION = 1024 * 1024 * 1024
"""The largest function, in bytes, with all that it refers to. A message frame may be a little larger, and no more."""

MOST_BYTES = MAX_FUNCTION + 64 * 1024
"""A frame larger than this, in bytes, is refused."""

INTERCHANGE = b"interchange"
"""The identity of the interchange on its links to the driver."""

REGISTER_TAG = 16
"""The number of a registration, in every version of the protocol."""

PRESENT_YOURSELF = 0
"""The incarnation that no interchange has: a manager that is told it registers again."""

TIME_IS_UP = "its block's walltime was over"
"""Why a manager ends that has come to the end of its block."""

LONG = -1.0
"""The walltime of an attempt that may run for as long as it likes, and needs a place with most of its life ahead."""

HASH_SIZE = 16
"""Length of a function's hash in bytes."""

Attempt = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""An attempt's identity, or a batch's number."""
Count = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]
Slots = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
Identity = Annotated[bytes, msgspec.Meta(min_length=1, max_length=255)]
"""The name of a peer, on all links."""
Hash = Annotated[bytes, msgspec.Meta(min_length=1, max_length=HASH_SIZE)]


class Message(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The base of all messages: positional msgpack arrays that begin with their tag."""


class TaskItem(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One attempt on its way to a worker.

    Attributes:
        attempt: Its identity (task << 16 | number).
        function: Hash of its function.
        body: The packed call.
        buffers: How many of the message's buffer frames belong to it.
        priority: Lower runs first, first come first served among equals.
        walltime: Seconds it may run, 0 for no limit, :data:`LONG` for none and a place that is not about to end.
        spec: Id of its resource specification, 0 for none.
        slots: How many worker slots it holds.
    """

    attempt: Attempt
    function: Hash
    body: bytes
    buffers: Count = 0
    priority: float = 0.0
    walltime: float = 0.0
    spec: Count = 0
    slots: Slots = 1


class ResultItem(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """How one attempt ended.

    Attributes:
        attempt: Its identity.
        outcome: One of the ``OUTCOME_*`` codes.
        body: The packed value, or the packed failure.
        buffers: How many of the message's buffer frames belong to it.
        started: When its worker began, in seconds since the epoch by the node's clock.
        ended: When its worker finished.
        worker: Number of the worker on its node.
    """

    attempt: Attempt
    outcome: Count
    body: bytes
    buffers: Count = 0
    started: float = 0.0
    ended: float = 0.0
    worker: Count = 0


OUTCOME_VALUE = 0
"""``body`` is a packed value."""
OUTCOME_FAILURE = 1
"""``body`` is a packed failure, raised by the task or made by the node for it (a lost worker counts as one)."""
OUTCOME_LOST = 2
"""The attempt is handed back without having been started; ``body`` is the reason as UTF-8 text."""
OUTCOME_NEWS = 3
"""No end: what the attempt has to say for the records of the run, as JSON; it is not among ``Results.attempts``."""


# --- data link -------------------------------------------------------------------------------------------------


class Function(Message, tag=1, frozen=True):
    """A function's bytes; sent on each hop before the first task that names it, and again when asked for."""

    hash: Hash
    name: str
    blob: bytes


class Tasks(Message, tag=2, frozen=True):
    """A batch of attempts. ``acknowledged`` pairs each manager with the last of its result batches that has arrived."""

    items: list[TaskItem]
    acknowledged: list[tuple[Identity, Attempt]] = []


class Results(Message, tag=3, frozen=True):
    """A batch of results from one manager.

    Attributes:
        manager: The manager's identity.
        sequence: Number of the batch, counted from 1 by the manager; what has not been acknowledged is sent again.
        capacity: How many attempts the manager wants to hold from now on, running ones included.
        attempts: The identities in ``items`` that have ended, so that the interchange need not decode those.
        items: A list of :class:`ResultItem`, still encoded.
    """

    manager: Identity
    sequence: Attempt
    capacity: Count
    attempts: list[Attempt]
    items: msgspec.Raw


class NeedFunction(Message, tag=4, frozen=True):
    """The sender holds tasks whose function it does not know."""

    hashes: list[Hash]


# --- control link: managers --------------------------------------------------------------------------------------


class Register(Message, tag=REGISTER_TAG, frozen=True):
    """A manager presents itself; sent again after every reconnect until answered.

    Attributes:
        version: Its PROTOCOL_VERSION.
        run_id: The run it belongs to; another run's managers are refused.
        manager: Its identity, the same on both links.
        block: The block it runs in.
        hostname: Its node.
        pid: Its process id there.
        slots: Tasks it can run at once.
        capacity: How many attempts it wants to hold.
        cores: Processors of the node.
        memory: Bytes of the node's memory.
        accelerators: Names of accelerators, one or more per worker.
        python: Version of its interpreter, like "3.11.7".
        package: Version of this package there.
        packages: Versions of other packages that matter, by name.
        transport: "ipc" or "tcp".
        ends: Seconds from now until its block's walltime ends, 0 if unknown.
        held: Attempts it holds (not empty when it comes back after a cut or a restart of the interchange).
        unacknowledged: Sequence numbers of result batches it will send again.
        finished: The attempts in those batches.
        leaves: Seconds from now until it ends by itself, ahead of its block's walltime; 0 if it does not.
        life: Seconds from its first registration until then; 0 likewise.
    """

    version: int
    run_id: str
    manager: Identity
    block: str
    hostname: str
    pid: int
    slots: Count
    capacity: Count
    cores: int
    memory: int
    accelerators: list[str]
    python: str
    package: str
    packages: dict[str, str]
    transport: str
    ends: float = 0.0
    held: list[Attempt] = []
    unacknowledged: list[Attempt] = []
    finished: list[Attempt] = []
    leaves: float = 0.0
    life: float = 0.0


class Registered(Message, tag=17, frozen=True):
    """The interchange takes a manager. ``incarnation`` grows when the interchange is started again."""

    incarnation: Count
    heartbeat_period: float
    heartbeat_threshold: float


class Refused(Message, tag=18, frozen=True):
    """The interchange does not take a manager, and why; the manager ends."""

    reason: str


class Heartbeat(Message, tag=19, frozen=True):
    """Either side lives. A manager tells what runs, so that a loss can be told from an attempt that never began."""

    sent: float
    running: list[Attempt] = []
    capacity: Count = 0


class Drain(Message, tag=20, frozen=True):
    """To a manager: take nothing new, finish, end. To the interchange: do that with these blocks; managers say why."""

    blocks: list[str] = []
    reason: str = ""


class Cancel(Message, tag=21, frozen=True):
    """Stop these attempts: forget those that wait, stop the workers of those that run."""

    attempts: list[Attempt]


class Cancelled(Message, tag=22, frozen=True):
    """These attempts have been stopped; no news of them will follow."""

    attempts: list[Attempt]


class Goodbye(Message, tag=23, frozen=True):
    """The sender ends in good order; nothing it held is still running.

    Attributes:
        reason: Why it ends.
        returned: Of what a manager held: the attempts that had not begun.
        abandoned: Those that had begun and were stopped.
        finished: Those in result batches that have not been acknowledged, and may still be on their way.
        ran: For how many seconds each of those that were stopped had run.
        expired: Whether it ends because its block's time is up.
    """

    reason: str
    returned: list[Attempt] = []
    abandoned: list[Attempt] = []
    finished: list[Attempt] = []
    ran: list[float] = []
    expired: bool = False


class Acknowledged(Message, tag=24, frozen=True):
    """To a manager: its result batches up to this sequence number have arrived at the driver."""

    sequence: Attempt


class Stop(Message, tag=25, frozen=True):
    """End now: running tasks are not waited for."""

    reason: str


class Adopted(Message, tag=26, frozen=True):
    """To a manager of an earlier run whose driver has died: forget that, and begin anew as one of this run.

    Attributes:
        run_id: This run.
        logdir: Where the folders of its blocks' logs are, on the node.
        python_path: Directories that its workers look for modules in, before their own.
    """

    run_id: str
    logdir: str
    python_path: list[str]


# --- control link: driver ----------------------------------------------------------------------------------------


class InterchangeReady(Message, tag=32, frozen=True):
    """The interchange listens: URLs for managers on this host, and elsewhere."""

    version: int
    pid: int
    incarnation: Count
    local: list[str]
    remote: list[str]
    python: str


class ManagerNews(Message, tag=33, frozen=True):
    """A manager came ("connected"), changed ("draining") or went ("lost", "ended", "refused").

    ``attempts`` is what one that comes brings along: attempts that it holds, and those whose results it has.
    """

    manager: Identity
    what: str
    block: str
    hostname: str
    slots: Count
    held: Count
    reason: str = ""
    python: str = ""
    package: str = ""
    packages: dict[str, str] = {}
    idle_since: float = 0.0
    attempts: list[Attempt] = []


class Lost(Message, tag=34, frozen=True):
    """Attempts whose manager is gone: those that (may) have run, and those that surely had not begun.

    Attributes:
        manager: The manager.
        hostname: Its node.
        reason: What happened to it.
        started: The attempts that have run, or may have.
        unstarted: The others.
        ran: For how many seconds each of the first had run, where that is known.
        life: If its block's time was up: how many seconds it could be used; 0 if something else happened.
    """

    manager: Identity
    hostname: str
    reason: str
    started: list[Attempt]
    unstarted: list[Attempt]
    ran: list[float] = []
    life: float = 0.0


class BlockIdle(Message, tag=35, frozen=True):
    """Blocks all of whose managers hold nothing (True), or hold something again (False)."""

    blocks: dict[str, bool]


class BlockEnded(Message, tag=36, frozen=True):
    """From the driver: the job of a block is over, so managers of it that are silent are gone."""

    block: str
    reason: str


class Notice(Message, tag=37, frozen=True):
    """Something a user should know, and how often; ``kind`` is "dropped", "stranger", "stale" or "warning"."""

    text: str
    count: Count = 1
    kind: str = "warning"


class Stranded(Message, tag=38, frozen=True):
    """How many attempts wait that no connected manager takes, since its block ends too soon for them."""

    count: Count


AnyMessage = (
    Function
    | Tasks
    | Results
    | NeedFunction
    | Register
    | Registered
    | Refused
    | Heartbeat
    | Drain
    | Cancel
    | Cancelled
    | Goodbye
    | Acknowledged
    | Stop
    | Adopted
    | InterchangeReady
    | ManagerNews
    | Lost
    | BlockIdle
    | BlockEnded
    | Notice
    | Stranded
)

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[AnyMessage] = msgspec.msgpack.Decoder(AnyMessage)
_items: msgspec.msgpack.Decoder[list[ResultItem]] = msgspec.msgpack.Decoder(list[ResultItem])

M = TypeVar("M", bound=Message)

encode = _encoder.encode
"""A message's frame."""


def encode_results(manager: bytes, sequence: int, capacity: int, items: list[ResultItem]) -> bytes:
    """The frame of a batch of results, its items encoded apart so that the interchange can leave them alone."""
    raw = msgspec.Raw(_encoder.encode(items))
    return _encoder.encode(Results(manager, sequence, capacity, [item.attempt for item in items], raw))


def decode_items(items: msgspec.Raw) -> list[ResultItem]:
    """The results of a batch.

    Raises:
        BadMessage: if they are not what they should be.
    """
    try:
        return _items.decode(items)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise BadMessage(f"results: {error}") from error


def decode_from(manager: bytes, frame: bytes | memoryview) -> Any:
    """The message of a manager; a registration of another protocol version is read as far as it can be.

    Raises:
        BadMessage: as :func:`decode` does.
    """
    try:
        return decode(frame)
    except BadMessage:
        if (register := _foreign_register(manager, frame)) is not None:
            return register
        raise


def _foreign_register(manager: bytes, frame: bytes | memoryview) -> Register | None:
    """A registration whose protocol this side does not speak, fit to be refused by name; None if it is none."""
    try:
        tag, version, _, _, block, hostname, *_ = msgspec.msgpack.decode(frame, type=list)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    if tag != REGISTER_TAG or type(version) is not int or version == PROTOCOL_VERSION:
        return None
    return Register(version, "", manager, str(block), str(hostname), 0, 0, 0, 0, 0, [], "", "", {}, "")


def decode(frame: bytes | memoryview) -> Any:
    """The message in a frame.

    Raises:
        BadMessage: if the frame is too large, not msgpack, of no known kind, or of the wrong shape.
    """
    if len(frame) > MOST_BYTES:
        raise BadMessage(f"a frame of {len(frame)} bytes is larger than {MOST_BYTES}")
    try:
        return _decoder.decode(frame)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise BadMessage(str(error)) from error
