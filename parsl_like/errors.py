"""Every error that is raised below the dataflow layer, in one tree under :class:`ParslError`.

Constructors take facts and make the sentence. Upper layers re-export these classes at the paths where Parsl
programs look for them. All of them survive pickling with every attribute, whatever their constructor takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def _rebuild(cls: type[ParslError], args: tuple[Any, ...], state: dict[str, Any]) -> ParslError:
    # Not through __init__: it takes facts, while ``args`` holds the sentence made from them.
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


class ParslError(Exception):
    """The base of every error of this package.

    Attributes:
        hint: What to try next, in words; None where nothing useful is known.
        docs_url: The page that explains the error; None where there is none.
        log_path: The file that says more; None where there is none.
    """

    hint: str | None = None
    docs_url: str | None = None
    log_path: str | None = None

    def __init__(self, *args: object, hint: str | None = None, log_path: str | None = None) -> None:
        super().__init__(*args)
        if hint is not None:
            self.hint = hint
        if log_path is not None:
            self.log_path = log_path

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, self.__dict__.copy())

    def __str__(self) -> str:
        text = super().__str__()
        between = "\n  " if "\n" in text else " "  # behind several lines the last one would swallow them
        if self.hint:
            text += f"{between}Try: {self.hint}"
        if self.log_path:
            text += f"{between}See {self.log_path}"
        return text


class ConfigurationError(ParslError):
    """A description says something that cannot be meant.

    Args:
        field: The field at fault, or the whole sentence when it is the only argument.
        value: What was given.
        expected: What would be right, in words.
    """

    def __init__(
        self, field: str = "", value: object = None, expected: str | None = None, *, hint: str | None = None
    ) -> None:
        self.field, self.value, self.expected = field, value, expected
        super().__init__(field if expected is None else f"{field} is {value!r}; expected {expected}.", hint=hint)


class OptionalModuleMissing(ParslError):
    """A part was asked for whose packages are not installed."""

    def __init__(self, module_names: Sequence[str], reason: str) -> None:
        self.module_names, self.reason = list(module_names), reason
        super().__init__(f"The feature needs the missing module(s) {', '.join(module_names)}: {reason}")


class InternalConsistencyError(ParslError):
    """The engine found itself in a state that must not occur; please report it with the story it carries."""


class NoDataFlowKernelError(ParslError):
    """An app was called, or the kernel asked for, before ``load`` or after ``clear``."""


class PluginError(ParslError):
    """Two plugins claim one name, or a plugin does not fit the hooks.

    Args:
        name: The name claimed, or the hook at fault.
        first: The plugin that had it.
        second: The plugin that claims it too, or what is wrong.
    """

    def __init__(self, name: str, first: str, second: str) -> None:
        self.name, self.first, self.second = name, first, second
        super().__init__(f"Plugin trouble with {name!r}: {first} against {second}.")


# --- apps ------------------------------------------------------------------------------------------------------


class AppException(ParslError):
    """An app ended in a way that only apps can."""


class AppBadFormatting(ParslError):
    """A command line could not be made from a bash app's arguments."""


class AppTimeout(AppException):
    """A task used up its ``walltime``."""


class BadStdStreamFile(ParslError):
    """A task's stdout or stderr cannot be opened or was described wrongly."""

    def __init__(self, reason: str, exception: BaseException | None = None) -> None:
        self.reason = reason if exception is None else f"{reason}: {exception!r}"
        self.exception = exception
        super().__init__(self.reason)


class BashAppNoReturn(AppException, ValueError):
    """A bash app returned something that is not a command line; a ValueError, too, which today's Parsl raises."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class BashExitFailure(AppException):
    """A bash app's command ended with a non-zero exit code.

    Args:
        app_name: The app's name (Parsl 1.2 put a reason here).
        exitcode: What the shell returned; negative means ended by that signal.
        command: The command line that ran.
        stdout: Where its standard output went, None if nowhere.
        stderr: Where its standard error went, None if nowhere.
        stderr_tail: The last lines of its standard error, where it could be read.
    """

    def __init__(
        self,
        app_name: str,
        exitcode: int,
        *,
        command: str | None = None,
        stdout: str | None = None,
        stderr: str | None = None,
        stderr_tail: str | None = None,
    ) -> None:
        self.app_name, self.reason, self.exitcode = app_name, app_name, exitcode
        self.command, self.stdout, self.stderr, self.stderr_tail = command, stdout, stderr, stderr_tail
        text = f"bash_app {app_name} failed with unix exit code {exitcode}"
        if command is not None:
            text += f"\n  command: {command}"
        text += f"\n  stdout: {stdout or 'not captured'}\n  stderr: {stderr or 'not captured'}"
        if stderr_tail:
            text += "\n  last lines of stderr:\n    " + stderr_tail.rstrip("\n").replace("\n", "\n    ")
        super().__init__(text)


class MissingOutputs(ParslError):
    """A task ended well but did not make files that it had promised in ``outputs``.

    Attributes:
        outputs: Those that are missing, as they were given.
    """

    def __init__(self, reason: str, outputs: Iterable[object]) -> None:
        self.reason, self.outputs = reason, list(outputs)
        paths = [str(getattr(output, "filepath", output)) for output in self.outputs]
        super().__init__(f"Missing outputs: {reason} {paths}")


class NotFutureError(ParslError):
    """Something that is not a future stands where only a future can (Parsl 1.2's name)."""


class RemoteError(ParslError):
    """A task raised an exception that cannot be rebuilt here; its name, message and traceback are kept as text."""

    def __init__(self, type_name: str, message: str, traceback_text: str, reason: str = "") -> None:
        self.type_name, self.message, self.traceback_text, self.reason = type_name, message, traceback_text, reason
        why = f" (shown as text: {reason})" if reason else ""
        super().__init__(f"{type_name}: {message}{why}\n{traceback_text}")


class TaskExit(AppException):
    """A task raised SystemExit, KeyboardInterrupt or another exception that would have ended its worker."""

    def __init__(self, type_name: str, message: str, traceback_text: str = "") -> None:
        self.type_name, self.message, self.traceback_text = type_name, message, traceback_text
        super().__init__(f"The task raised {type_name}({message}); its worker lives on.\n{traceback_text}")


# --- serialisation ---------------------------------------------------------------------------------------------


class SerializationError(ParslError):
    """Something of a task cannot be sent.

    Args:
        fname: What could not be serialised (a function's, argument's or result's name).
        path: The way to the offending part, like ``args[1].attribute['key']``.
        reason: What the serialiser said.
    """

    def __init__(self, fname: str, path: str | None = None, reason: str | None = None) -> None:
        self.fname, self.path, self.reason = fname, path, reason
        text = f"Cannot serialize {fname}"
        if path:
            text += f": {path}"
        if reason:
            text += f": {reason}"
        super().__init__(
            text + ".",
            hint="pass plain data, open files and connections inside the app, or register a serializer.",
        )


class DeserializationError(ParslError):
    """Something that arrived cannot be rebuilt here."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"Failed to deserialize objects. Reason: {reason}")


# --- executors -------------------------------------------------------------------------------------------------


class ExecutorError(ParslError):
    """An executor cannot do what it is there for."""

    def __init__(self, executor: object, reason: str, *, hint: str | None = None, log_path: str | None = None) -> None:
        self.executor = getattr(executor, "label", None) or str(executor)
        self.reason = reason
        super().__init__(f"Executor {self.executor} failed due to: {reason}", hint=hint, log_path=log_path)


class BadStateException(ExecutorError):
    """An executor is broken for good: every task it had and every later one fails with this."""

    def __init__(self, executor: object, exception: BaseException | str) -> None:
        self.exception = exception
        super().__init__(executor, str(exception))


class UnsupportedFeatureError(ExecutorError):
    """A feature was asked of an executor that does not have it."""

    def __init__(self, feature: str, current_executor: str, target_executor: str | None) -> None:
        self.feature, self.current_executor, self.target_executor = feature, current_executor, target_executor
        where = f"; use {target_executor}" if target_executor else ""
        super().__init__(current_executor, f"the {feature} feature is not supported{where}")


class InvalidResourceSpecification(ExecutorError):
    """A ``parsl_resource_specification`` has keys or values the executor does not know."""

    def __init__(self, invalid_keys: Iterable[str], message: str = "") -> None:
        self.invalid_keys, self.message = set(invalid_keys), message
        super().__init__(
            "(any)", f"Invalid resource specification options supplied: {sorted(self.invalid_keys)} {message}"
        )


class ScalingFailed(ExecutorError):
    """An executor could not get the blocks it asked for."""


class BadMessage(ParslError):
    """A message of the wire could not be understood; it was dropped."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"Received an unparsable message: {reason}")


class WorkerLost(ParslError):
    """A worker process died under its task.

    Args:
        worker_id: The worker's number on its node.
        hostname: The node.
        exitcode: Its exit code; negative means ended by that signal.
        attempt: Which try of the task this was, from 0.
        output_tail: The last lines the worker wrote.
    """

    def __init__(
        self,
        worker_id: int | str,
        hostname: str,
        *,
        exitcode: int | None = None,
        attempt: int | None = None,
        output_tail: str = "",
        log_path: str | None = None,
    ) -> None:
        self.worker_id, self.hostname, self.exitcode = worker_id, hostname, exitcode
        self.attempt, self.output_tail = attempt, output_tail
        text = f"Task failure due to loss of worker {worker_id} on host {hostname}"
        if exitcode is not None:
            text += f": {_ending(exitcode)}"
        if attempt is not None:
            text += f", in try {attempt}"
        text += "."
        if output_tail:
            text += "\n  last lines of its output:\n    " + output_tail.rstrip("\n").replace("\n", "\n    ")
        super().__init__(text, log_path=log_path)


class ManagerLost(ParslError):
    """A node's manager vanished with the tasks it held.

    Args:
        manager_id: The manager.
        hostname: Its node.
        reason: What is known of the cause.
    """

    def __init__(self, manager_id: str | bytes, hostname: str, reason: str = "", *, hint: str | None = None) -> None:
        self.manager_id = manager_id.decode(errors="replace") if isinstance(manager_id, bytes) else manager_id
        self.hostname, self.reason = hostname, reason
        why = f": {reason}" if reason else ""
        super().__init__(
            f"Task failure due to loss of manager {self.manager_id} on host {hostname}{why}.",
            hint=hint
            or "look into the block's log; likely causes are its walltime, the node's memory limit or a cut network.",
        )


class InterchangeLostError(ExecutorError):
    """The interchange of an executor was lost: for good if every task of it ends so, else with these tasks only."""


class TaskLost(ParslError):
    """A task was lost with its place of execution more often than ``lost_retries`` allows.

    Args:
        cause: What was lost the last time.
        losses: How many times it was lost.
    """

    def __init__(self, cause: BaseException, losses: int) -> None:
        self.cause, self.losses = cause, losses
        super().__init__(
            f"The task was lost {losses} time(s) with the place it ran at; the last time: {cause}",
            hint="raise Config(lost_retries=...) if the loss of places is expected.",
        )


class VersionMismatch(ParslError):
    """The submit side and a node run versions that cannot work together."""

    def __init__(self, interchange_version: str, manager_version: str) -> None:
        self.interchange_version, self.manager_version = interchange_version, manager_version
        super().__init__(
            f"Manager version info {manager_version} does not match interchange version info {interchange_version}.",
            hint="install the same parsl_like and Python minor version in worker_init as on the submit side.",
        )


# --- providers, launchers, channels, staging, monitoring -------------------------------------------------------


class ExecutionProviderException(ParslError):
    """A provider could not do what it was asked. ``transient`` says whether trying again later makes sense."""

    transient: bool = False


class ChannelRequired(ExecutionProviderException):
    """A provider was used without the channel it needs (Parsl 1.2's name)."""

    def __init__(self, provider: str, reason: str) -> None:
        self.provider, self.reason = provider, reason
        super().__init__(f"Unable to initialize provider {provider}: {reason}")


class ScaleOutFailed(ExecutionProviderException):
    """A provider refused a block."""

    def __init__(self, provider: str, reason: str) -> None:
        self.provider, self.reason = provider, reason
        super().__init__(f"Unable to scale out {provider} provider: {reason}")


class SchedulerMissingArgs(ExecutionProviderException):
    """A template or a site needs values that were not given."""

    def __init__(self, missing_keywords: object, sitename: str) -> None:
        self.missing_keywords, self.sitename = missing_keywords, sitename
        super().__init__(f"{sitename} is missing the value(s) {missing_keywords}")


class ScriptPathError(ExecutionProviderException):
    """A submit script could not be written."""

    def __init__(self, script_path: str, reason: str) -> None:
        self.script_path, self.reason = script_path, reason
        super().__init__(f"Unable to write submit script {script_path}: {reason}")


class SubmitException(ExecutionProviderException):
    """A batch system refused a job.

    Args:
        job_name: The job's name.
        message: What happened, in words.
        stdout: What the submit command printed.
        stderr: What it complained of.
        retcode: Its exit code.
        transient: Whether trying again later makes sense.
        script: The path of the job's script, None where there is none.
    """

    def __init__(
        self,
        job_name: str,
        message: str,
        stdout: str | None = None,
        stderr: str | None = None,
        retcode: int | None = None,
        *,
        transient: bool = False,
        script: str | None = None,
    ) -> None:
        self.job_name, self.message, self.transient = job_name, message, transient
        self.stdout, self.stderr, self.retcode, self.script = stdout, stderr, retcode, script
        text = f"Cannot submit job {job_name}: {message}"
        if retcode is not None:
            text += f" (exit code {retcode})"
        for name, value in (("stdout", stdout), ("stderr", stderr), ("script", script)):  # why first, where last
            if value:
                text += f"\n  {name}: {value.strip()}"
        super().__init__(text)


class BadLauncher(ExecutionProviderException, TypeError):
    """What was given as a launcher is not one."""

    def __init__(self, launcher: object, reason: str | None = None) -> None:
        self.launcher, self.reason = repr(launcher), reason
        super().__init__(f"Bad launcher provided: {launcher!r}{': ' + reason if reason else ''}")


class ChannelError(ParslError):
    """A channel could not run a command or move a file. ``transient`` says whether to try again."""

    transient: bool = False

    def __init__(self, reason: str, hostname: str = "localhost", *, transient: bool = False) -> None:
        self.reason, self.hostname, self.transient = reason, hostname, transient
        super().__init__(f"Channel to {hostname}: {reason}")


class StagingError(ParslError):
    """A file could not be brought to or from a task.

    Args:
        url: The file.
        reason: What happened.
    """

    def __init__(self, url: str, reason: str) -> None:
        self.url, self.reason = url, reason
        super().__init__(f"Staging of {url} failed: {reason}")


class MonitoringError(ParslError):
    """A part of monitoring does not work; tasks are not affected."""


def _ending(exitcode: int) -> str:
    """An exit code in words."""
    if exitcode >= 0:
        return f"it ended with exit code {exitcode}"
    import signal  # only needed to say a name

    try:
        name = signal.Signals(-exitcode).name
    except ValueError:
        name = "unknown"
    likely = " (out of memory, or killed from outside)" if name == "SIGKILL" else ""
    return f"it was ended by signal {-exitcode} ({name}){likely}"
