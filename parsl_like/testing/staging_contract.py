"""What every staging provider promises, as tests to subclass."""

# ruff: noqa: S101 - tests are written with assert

from __future__ import annotations

import pickle
import time
from concurrent.futures import Future
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from parsl_like.data_provider.data_manager import DataManager
from parsl_like.data_provider.files import File
from parsl_like.data_provider.staging import Staging
from parsl_like.errors import StagingError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class StagingContract:
    """Subclass it as ``Test...``, say how to make a provider and which files it takes.

    Attributes:
        refused: URLs of files that are for others.
    """

    refused: tuple[str, ...] = ("no-such-scheme://host/file",)

    def make_staging(self, place: Path) -> Staging:
        """A staging provider."""
        raise NotImplementedError

    def file_in(self, place: Path) -> File | None:
        """A file that it brings to tasks, holding the bytes ``b"contents"``; None if it brings none."""
        raise NotImplementedError

    def file_out(self, place: Path) -> File | None:
        """A file that it takes away from tasks; None if it takes none."""
        raise NotImplementedError

    def read_back(self, file: File) -> bytes:
        """What is where :meth:`file_out` led, after it was taken away."""
        raise NotImplementedError

    def run_transfers(self) -> None:
        """Let transfers that were started end; tasks that a provider submits by ``dm.dfk.submit`` run by themselves."""

    @pytest.fixture
    def executor(self, tmp_path: Path) -> Any:
        """The description of an executor that has the provider."""
        working_dir = tmp_path / "working"
        working_dir.mkdir()
        return SimpleNamespace(
            label="contract", storage_access=[self.make_staging(tmp_path)], working_dir=str(working_dir)
        )

    @pytest.fixture
    def manager(self, executor: Any) -> Iterator[DataManager]:
        """Stages for that executor alone."""
        manager = DataManager(_Kernel(executor), defaults=(), file_future=_FileFuture)
        yield manager
        manager.close(time.monotonic() + 30)

    def test_it_is_one_and_can_be_sent(self, tmp_path: Path) -> None:
        """It goes wherever its executor's description goes."""
        staging = self.make_staging(tmp_path)
        assert isinstance(staging, Staging)
        assert isinstance(pickle.loads(pickle.dumps(staging)), type(staging))

    def test_it_leaves_files_of_others_alone(self, tmp_path: Path) -> None:
        """It says so, and does not raise."""
        staging = self.make_staging(tmp_path)
        for url in self.refused:
            assert staging.can_stage_in(File(url)) is False
            assert staging.can_stage_out(File(url)) is False

    def test_asking_changes_nothing(self, tmp_path: Path) -> None:
        """``can_stage_in`` and ``can_stage_out`` only look."""
        staging = self.make_staging(tmp_path)
        for file in (self.file_in(tmp_path), self.file_out(tmp_path)):
            if file is not None:
                staging.can_stage_in(file)
                staging.can_stage_out(file)
                assert file == file.cleancopy()
                assert file.local_path is None

    def test_a_file_is_there_when_its_task_runs(self, manager: DataManager, executor: Any, tmp_path: Path) -> None:
        """At the path that the task sees; the caller's own File is not touched."""
        file = self.file_in(tmp_path)
        if file is None:
            pytest.skip("it brings no files")
        staged = manager.stage({"inputs": [file]}, (file,), read, executor)
        self.run_transfers()
        args = tuple(map(_now, staged.args))
        inputs = [_now(item) for item in staged.kwargs["inputs"]]
        assert staged.func(*args, inputs=inputs) == [b"contents", b"contents"]
        assert file.local_path is None

    def test_a_file_is_away_when_its_future_says_so(self, manager: DataManager, executor: Any, tmp_path: Path) -> None:
        """The task writes to the path it sees; the future ends when the file is where its URL says."""
        file = self.file_out(tmp_path)
        if file is None:
            pytest.skip("it takes no files away")
        app_future: Future[Any] = Future()
        staged = manager.stage({"outputs": [file]}, (), write, executor)
        ended = staged.output_futures(app_future, lambda future, _given: future)
        app_future.set_result(staged.func(outputs=staged.kwargs["outputs"]))
        self.run_transfers()
        assert len(ended) == 1
        ended[0].result(timeout=60)
        assert self.read_back(file) == b"result"
        assert file.local_path is None

    def test_files_that_nobody_takes_are_an_error_with_their_url(self, manager: DataManager, executor: Any) -> None:
        """The sentence says who was asked."""
        for url in self.refused:
            with pytest.raises(StagingError, match="no staging provider takes") as caught:
                manager.stage({}, (File(url),), read, executor)
            assert caught.value.url == url


class _FileFuture(Future[Any]):
    """The future of a file, done when another is."""

    def __init__(self, maker: Future[Any], file: File, tid: int | None) -> None:
        super().__init__()
        self.file_obj, self.tid = file, tid
        maker.add_done_callback(self._follow)

    def _follow(self, maker: Future[Any]) -> None:
        error = maker.exception()
        if error is None:
            self.set_result(self.file_obj)
        else:
            self.set_exception(error)


class _Kernel:
    """Runs what is submitted as soon as the futures among its arguments are done, in the thread that ends the last."""

    def __init__(self, executor: Any) -> None:
        self.executors = {"contract": executor}
        self.submitted = 0

    def submit(
        self,
        func: Any,
        app_args: Any = (),
        executors: Any = "all",
        app_kwargs: Any = None,
        join: bool = False,
        **_: Any,
    ) -> Future[Any]:
        """The future of a call; it fails with what an argument has failed with."""
        self.submitted += 1
        future: Future[Any] = Future()
        left = [argument for argument in app_args if isinstance(argument, Future)]
        missing = set(map(id, left))

        def ended(argument: Future[Any] | None) -> None:
            missing.discard(id(argument))
            if not missing:
                try:
                    result = func(*map(_now, app_args), **(app_kwargs or {}))
                    if join:
                        result.add_done_callback(lambda inner: _end_as(future, inner))
                    else:
                        future.set_result(result)
                except Exception as error:  # noqa: BLE001 - whatever a transfer raises is its end
                    future.set_exception(error)

        for argument in left:
            argument.add_done_callback(ended)
        if not left:
            ended(None)
        return future


def _end_as(future: Future[Any], inner: Future[Any]) -> None:
    error = inner.exception()
    if error is None:
        future.set_result(inner.result())
    else:
        future.set_exception(error)


def read(*files: File, inputs: list[File]) -> list[bytes]:
    """What a task does with files it was given."""
    contents = []
    for file in (*files, *inputs):
        with open(file.filepath, "rb") as opened:
            contents.append(opened.read())
    return contents


def write(outputs: list[File]) -> None:
    """What a task does with a file it promised."""
    with open(outputs[0].filepath, "wb") as opened:
        opened.write(b"result")


def _now(argument: Any) -> Any:
    return argument.result(timeout=60) if isinstance(argument, Future) else argument
