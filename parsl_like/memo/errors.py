"""Why a call has no key."""

from __future__ import annotations

from parsl_like.errors import ParslError


class MemoKeyError(ParslError, ValueError):
    """A call cannot be told from others, so it cannot be remembered; it names the argument and says what to do.

    It is a ValueError, too, which Parsl raises.

    Args:
        reason: What stands in the way.
        app: The app that was called, once that is known.
        argument: The argument, as in "argument x", once that is known.
        path: Where in the argument, as one writes it behind a name: ``['solver'][0].tol``.
        hint: What to try.

    Attributes:
        reason: See above.
        app: See above.
        argument: See above.
        path: See above.
    """

    def __init__(
        self, reason: str, *, app: str = "", argument: str = "", path: str = "", hint: str | None = None
    ) -> None:
        self.reason, self.app, self.argument, self.path = reason, app, argument, path
        where = f"App {app}: " if app else ""
        what = f"{argument}{path} cannot be remembered by: " if argument or path else ""
        super().__init__(f"{where}{what}{reason}", hint=hint)

    def inside(self, step: str) -> MemoKeyError:
        """The same trouble, seen from the container in which it is at ``step``."""
        return MemoKeyError(
            self.reason, app=self.app, argument=self.argument, path=step + self.path, hint=self.hint
        ).with_traceback(self.__traceback__)

    def of(self, app: str, argument: str) -> MemoKeyError:
        """The same trouble, with the call and the argument that it concerns."""
        error = MemoKeyError(self.reason, app=app, argument=argument, path=self.path, hint=self.hint)
        error.__cause__ = self.__cause__
        return error
