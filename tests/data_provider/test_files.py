from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from parsl_like.data_provider.files import File


@pytest.mark.parametrize(
    "path",
    [
        *(
            "a.txt",
            "/a/b.txt",
            "../a b.txt",
            "out#1.txt",
            "what?.txt",
            "50%20.txt",
            "12:30.log",
            "C:/a.txt",
            "C:\\a.txt",
        ),
        *("log:3.txt", "a::b", "std::vector/x", "a;b", "", "ünï/cödé", "//double"),
    ],
)
def test_a_path_is_taken_as_it_is(path: str) -> None:
    file = File(path)
    assert (file.scheme, file.netloc, file.query) == ("file", "", "")
    assert file.url == file.path == file.filepath == str(file) == os.fspath(file) == path
    assert file.filename == os.path.basename(path)


@pytest.mark.parametrize(
    ("url", "scheme", "netloc", "path", "query", "filename"),
    [
        ("http://h:80/a/b.dat?x=1", "http", "h:80", "/a/b.dat", "x=1", "b.dat"),
        ("HTTPS://h/a", "https", "h", "/a", "", "a"),
        ("globus://uuid-1/~/x", "globus", "uuid-1", "/~/x", "", "x"),
        ("zip:/tmp/a.zip/in/b", "zip", "", "/tmp/a.zip/in/b", "", "b"),
        ("file:///a/b", "file", "", "/a/b", "", "b"),
        ("file://host/a", "file", "host", "/a", "", "a"),
        ("file:///a%20b%23", "file", "", "/a b#", "", "a b#"),
        ("file:rel/a", "file", "", "rel/a", "", "a"),
        ("simplecache::s3://b/in/k", "simplecache", "", ":s3://b/in/k", "", "k"),
        ("http://h/a%20b", "http", "h", "/a%20b", "", "a%20b"),
    ],
)
def test_the_parts_of_a_url(url: str, scheme: str, netloc: str, path: str, query: str, filename: str) -> None:
    file = File(url)
    assert (file.scheme, file.netloc, file.path, file.query) == (scheme, netloc, path, query)
    assert (file.filename, file.url) == (filename, url)


@pytest.mark.parametrize("name", ["plain", "with space", "#?%;:", "ünï"])
def test_the_uri_of_a_path_leads_to_the_path(tmp_path: Path, name: str) -> None:
    assert File((tmp_path / name).as_uri()).filepath == str(tmp_path / name)


def test_paths_of_every_kind_are_taken() -> None:
    assert File(Path("a/b")).url == "a/b"
    assert File(File("a/b")).url == "a/b"
    assert File(os.fsencode("a/b")).url == "a/b"  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        File(3)  # type: ignore[arg-type]


def test_a_file_can_be_opened_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("text")
    with open(File(tmp_path / "x"), encoding="utf-8") as opened:
        assert opened.read() == "text"


def test_a_file_elsewhere_has_no_path_until_staging_says_one() -> None:
    file = File("http://h/x")
    with pytest.raises(ValueError, match="http://h/x has no local path"):
        _ = file.filepath
    assert str(file) == "http://h/x"
    file.local_path = "/here/x"
    assert file.filepath == str(file) == os.fspath(file) == "/here/x"
    assert file.cleancopy().local_path is None


def test_files_are_equal_if_their_urls_are() -> None:
    one, other = File("a"), File("a")
    other.local_path = "/x"
    assert one == other
    assert len({one, other, File("b")}) == 2
    assert one != "a"
    assert one != File("b")


def test_repr_and_pickle_give_the_file_back() -> None:
    file = File("http://h/x y")
    assert eval(repr(file)) == file
    file.local_path = "/here"
    twin = pickle.loads(pickle.dumps(file))
    assert (twin, twin.local_path, twin.scheme) == (file, "/here", "http")


def test_a_copy_is_of_the_same_class() -> None:
    class Mine(File):
        pass

    assert type(Mine("a").cleancopy()) is Mine


def test_on_windows_the_uri_of_a_path_leads_to_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "name", "nt")
    assert File("file:///C:/data/a%20b").path == "C:/data/a b"
    assert File("file:///share/a").path == "/share/a"
