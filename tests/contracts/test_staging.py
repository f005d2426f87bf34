"""Every staging provider of the package keeps the contract that plugins' providers have to keep."""

from __future__ import annotations

import shutil
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parsl_like.data_provider.file_noop import NoOpFileStaging
from parsl_like.data_provider.files import File
from parsl_like.data_provider.staging import Staging
from parsl_like.testing.staging_contract import StagingContract

if TYPE_CHECKING:
    from collections.abc import Callable


class TestNoOp(StagingContract):
    refused = ("http://host/file", "ftp://host/file", "zip:/a.zip/b")

    def make_staging(self, place: Path) -> NoOpFileStaging:
        return NoOpFileStaging()

    def file_in(self, place: Path) -> File:
        path = place / "an input #1 100%.txt"
        path.write_bytes(b"contents")
        return File(path.as_uri())

    def file_out(self, place: Path) -> File:
        return File(place / "an output")

    def read_back(self, file: File) -> bytes:
        return Path(file.filepath).read_bytes()


# --- the two ways in which files can travel, so that the contract is known to hold for both


@dataclass(frozen=True)
class CopyingBeforeAndAfter(Staging):
    """Copies ``copy:/path`` to and from the working directory, in transfers of their own."""

    root: str

    def can_stage_in(self, file: File) -> bool:
        return file.scheme == "copy"

    can_stage_out = can_stage_in

    def stage_in(self, dm: Any, executor: str, file: File, parent_fut: Future[Any] | None) -> Future[Any]:
        file.local_path = f"{dm.dfk.executors[executor].working_dir}/{file.filename}"
        done: Future[Any] = Future()
        shutil.copy(file.path, file.local_path)
        done.set_result(file)
        return done

    def stage_out(self, dm: Any, executor: str, file: File, app_fu: Future[Any]) -> Future[Any]:
        file.local_path = f"{dm.dfk.executors[executor].working_dir}/{file.filename}"
        done: Future[Any] = Future()
        app_fu.add_done_callback(lambda _: done.set_result(shutil.copy(str(file.local_path), file.path)))
        return done


@dataclass(frozen=True)
class CopyingInside(Staging):
    """Does the same inside the task."""

    root: str

    def can_stage_in(self, file: File) -> bool:
        return file.scheme == "copy"

    can_stage_out = can_stage_in

    def replace_task(self, dm: Any, executor: str, file: File, func: Callable[..., Any]) -> Callable[..., Any]:
        local = file.local_path = f"{dm.dfk.executors[executor].working_dir}/{file.filename}"

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            shutil.copy(file.path, local)
            return func(*args, **kwargs)

        return wrapped

    def replace_task_stage_out(
        self, dm: Any, executor: str, file: File, func: Callable[..., Any]
    ) -> Callable[..., Any]:
        local = file.local_path = f"{dm.dfk.executors[executor].working_dir}/{file.filename}"

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            result = func(*args, **kwargs)
            shutil.copy(local, file.path)
            return result

        return wrapped


class TestBeforeAndAfter(StagingContract):
    def make_staging(self, place: Path) -> Staging:
        return CopyingBeforeAndAfter(str(place))

    def file_in(self, place: Path) -> File:
        (place / "far").write_bytes(b"contents")
        return File(f"copy:{place}/far")

    def file_out(self, place: Path) -> File:
        return File(f"copy:{place}/out")

    def read_back(self, file: File) -> bytes:
        return Path(file.path).read_bytes()


class TestInside(TestBeforeAndAfter):
    def make_staging(self, place: Path) -> Staging:
        return CopyingInside(str(place))
