"""One login of the system's ssh, from its command line to the connection in the background or to its error."""

from __future__ import annotations

import contextlib
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from parsl_like.channels.errors import AuthException, SSHException
from parsl_like.channels.openssh.command_lines import Login, login_line, plain_line
from parsl_like.channels.openssh.questions import AT_THE_TERMINAL, Echo, Questions
from parsl_like.channels.openssh.refusals import KNOWN_MACHINES, last_words, refusal, see_whether
from parsl_like.core.advice import as_command

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE_S: Final = 1.0
"""How long the last words of an ssh that has ended are waited for."""


@dataclass(frozen=True)
class Attempt:
    """A login that is to be tried.

    Attributes:
        login: Where to.
        questions: Who answers what ssh asks.
        folder: A folder that nobody else can read.
        socket: The path of the socket to be made.
        log: Where ssh's words go.
        may_ask: Whether the terminal may be asked.
        by_hand: What to type to log in by hand.
    """

    login: Login
    questions: Questions
    folder: Path
    socket: str
    log: Path
    may_ask: bool
    by_hand: str


def log_in(attempt: Attempt, limit: float) -> None:
    """Log in; on return the connection is in the background.

    Args:
        attempt: How.
        limit: Seconds it may take.

    Raises:
        ChannelError: the login has failed or took too long; nothing of it is left.
    """
    terminal = attempt.may_ask and attempt.questions.terminal()
    attempt.log.unlink(missing_ok=True)
    with contextlib.ExitStack() as stack:
        if terminal:
            if not AT_THE_TERMINAL.acquire(timeout=limit):
                raise _too_late(attempt, limit, "another login asks at the terminal")
            stack.callback(AT_THE_TERMINAL.release)
        answers = stack.enter_context(attempt.questions.answering(attempt.folder, terminal))
        code, said = _run(attempt, limit, terminal, answers)
    if code == 0:
        return
    if code is None:
        raise _too_late(attempt, limit, last_words(said))
    known = attempt.login.host_keys_filename or KNOWN_MACHINES
    error = refusal(said, attempt.login.target, known, plain_line(attempt.login))
    if isinstance(error, AuthException) and attempt.questions.at_terminal and not terminal:
        # Somebody can still log in by hand, in any terminal, and the program goes on.
        error.transient = True
        error.hint = f"log in by hand; the program goes on by itself then:{as_command(attempt.by_hand)}"
        error.by_hand = plain_line(attempt.login) if attempt.login.control_path is None else attempt.by_hand
    raise error


def said_in(log: Path) -> str:
    """What a log says; nothing if it is not there."""
    try:
        return log.read_text(errors="replace")
    except OSError:
        return ""


def _run(attempt: Attempt, limit: float, terminal: bool, answers: dict[str, str]) -> tuple[int | None, str]:
    """The exit code, None if the time was over, and what ssh said."""
    asks = terminal or bool(answers)
    words = login_line(
        attempt.login,
        attempt.socket,
        log=None if terminal else str(attempt.log),
        batch=not asks,
        timeout=limit,
    )
    with open(attempt.log.with_name("stderr"), "w+b") as errors:
        try:
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE if terminal else errors,
                env={**os.environ, **answers},
                start_new_session=not terminal,  # only who is in the foreground may ask
            )
        except OSError as error:
            hint = "install the OpenSSH client; or use SSHChannel, which needs none."
            raise SSHException(f"{words[0]} cannot be run: {error}", attempt.login.target, hint=hint) from error
        echo = Echo(process.stderr) if process.stderr is not None else None
        code = _wait(process, limit)
        said = said_in(attempt.log) if echo is None else echo.said(PATIENCE_S)
        errors.seek(0)
        return code, said + errors.read().decode(errors="replace")


def _wait(process: subprocess.Popen[bytes], limit: float) -> int | None:
    try:
        return process.wait(limit)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(PATIENCE_S)


def _too_late(attempt: Attempt, limit: float, why: str) -> SSHException:
    host = attempt.login.target
    hint = see_whether(plain_line(attempt.login))
    return SSHException(f"no login within {limit:g} s ({why})", host, transient=True, hint=hint)
