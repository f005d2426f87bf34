"""How one batch system is spoken to: its commands as argument lists, what they print as pure functions over text.

A dialect is a value. It knows nothing of files, processes or clocks; ``batch_session`` runs its commands and decides
what their outcome means for a run. What differs between batch systems is here and in the directives of a provider.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parsl_like.core.job_states import JobReport
    from parsl_like.core.ports import CommandResult

Command = tuple[str, ...]
"""A program and its arguments; never a line for a shell."""


@dataclass(frozen=True, slots=True)
class JobPaths:
    """Absolute paths of one job, as the batch system is given them.

    Attributes:
        script: The script to submit.
        stdout: Where the batch system writes what the job prints.
        stderr: Where it writes what the job complains of.
        folder: Where these are; the job is submitted from there.
        name: The job's name, unique within the folder, of letters, digits, ``_``, ``.`` and ``-``.
    """

    script: str
    stdout: str
    stderr: str
    folder: str
    name: str


class Unreadable(ValueError):
    """What a command printed cannot be understood; says nothing about any job.

    Args:
        what: What is wrong with it, in words, with the text that shows it.
    """


class Unavailable(Exception):
    """The batch system did not answer the question, in the words of its command; says nothing about any job."""


@dataclass(frozen=True, slots=True)
class StatusQuery:
    """One way to ask for the states of jobs.

    Attributes:
        command: From job ids to the command.
        parse: From its outcome and the ids to a report for each job that it speaks of, by the ids that were asked for.
            Raises :class:`Unavailable` where the outcome is a failure that says nothing about jobs, :class:`Unreadable`
            where it is no answer at all.
        probe: A command that succeeds where this way works; None if it always does.
        batch: How many jobs one command may ask for.
    """

    command: Callable[[Sequence[str]], Command]
    parse: Callable[[CommandResult, Sequence[str]], Mapping[str, JobReport]]
    probe: Command | None = None
    batch: int = 50


@dataclass(frozen=True, slots=True)
class Dialect:
    """The commands of one batch system.

    Attributes:
        prefix: What begins a directive's line in a script: ``#SBATCH``.
        submit: From a job's paths to the command that submits it.
        job_id: Finds the new job's id in what that command printed; None if there is none.
        refusal: Whether the batch system refused for good, going by what the command printed: then asking again with
            the same script makes no sense. Anything else may pass.
        cancel: From job ids to the command that ends them.
        cancelled: From its outcome and the ids to whether each job is over or about to end. Raises
            :class:`Unavailable` where the outcome says nothing about jobs.
        status: Ways to ask for states, the best first; the first one whose probe succeeds is used.
        history: A way to ask for jobs that ``status`` does not speak of any more; None if there is none. It may fail
            without harm: an accounting that is switched off is no trouble.
        force: As ``cancel``, for jobs that were told before and still run; None where telling again is all there is.
        find: From a job's name to a command that prints the ids of jobs of that name; for a submission whose outcome
            is not known. None if jobs cannot be found by name.
        found: From its outcome to the ids.
        reason: From a job's id to a command that tells why it waits; None if ``status`` tells.
        why: From its outcome to one line of words and whether the job can never start as it is; None if it says
            nothing.
        judge: From a job's paths to a command by which the batch system judges a script without running it; None if
            only submitting it shows. A held job is then submitted and cancelled.
        hold: What makes of the submit command one for a held job, put after the first word.
    """

    prefix: str
    submit: Callable[[JobPaths], Command]
    job_id: Callable[[CommandResult], str | None]
    refusal: Callable[[CommandResult], bool]
    cancel: Callable[[Sequence[str]], Command]
    cancelled: Callable[[CommandResult, Sequence[str]], Mapping[str, bool]]
    status: tuple[StatusQuery, ...]
    history: StatusQuery | None = None
    force: Callable[[Sequence[str]], Command] | None = None
    find: Callable[[str], Command] | None = None
    found: Callable[[CommandResult], Sequence[str]] = field(default=lambda result: result.stdout.split())
    reason: Callable[[str], Command] | None = None
    why: Callable[[CommandResult], tuple[str, bool] | None] = field(default=lambda _: None)
    judge: Callable[[JobPaths], Command] | None = None
    hold: Command = ("-h",)
