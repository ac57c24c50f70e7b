"""A vault that another one replaces, or nothing: overwritten where it lay."""

import os
from functools import partial
from pathlib import Path

import pytest

from e2echat.errors import StorageError, UnsafeProfileError
from e2echat.store import private_files
from e2echat.store.private_files import destroy_secret, replace_secret, write_private

FORMER, NEW = b"the former secret", b"the new one"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "vault"
    write_private(made, FORMER)
    return made


@pytest.fixture
def blocks(path: Path) -> Path:
    """What lies where the former file lay, whatever becomes of its name."""
    other = path.with_name("blocks")
    os.link(path, other)
    return other


def test_the_former_is_overwritten_where_it_lay(path: Path, blocks: Path) -> None:
    replace_secret(path, NEW)
    assert path.read_bytes() == NEW
    assert blocks.read_bytes() == bytes(len(FORMER))
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_is_destroyed_is_overwritten_first(path: Path, blocks: Path) -> None:
    destroy_secret(path)
    assert not path.exists()
    assert blocks.read_bytes() == bytes(len(FORMER))
    destroy_secret(path)


@pytest.mark.parametrize("failing", ["fsync", "rename"])
def test_a_disk_that_does_not_take_it_leaves_the_former(
    path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        if failing == "fsync":
            patch.setattr(os, "fsync", refuse)
        else:
            patch.setattr(Path, "replace", refuse)
        with pytest.raises(StorageError):
            replace_secret(path, NEW)
    assert path.read_bytes() == FORMER
    assert {each.name for each in path.parent.iterdir()} == {"vault"}


def test_a_link_is_followed_by_neither(tmp_path: Path) -> None:
    target, link = tmp_path / "precious", tmp_path / "vault"
    target.write_bytes(FORMER)
    link.symlink_to(target)
    for use in (partial(replace_secret, link, NEW), partial(destroy_secret, link)):
        with pytest.raises(UnsafeProfileError):
            use()
    assert target.read_bytes() == FORMER


def test_it_is_on_the_disk_before_the_former_goes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is overwritten as long as the new one may still be lost."""
    done: list[str] = []
    sync, overwrite = private_files.sync_directory, private_files._overwrite

    def watched_sync(at: Path) -> None:
        sync(at)
        done.append("synced")

    def watched_overwrite(former: int) -> None:
        done.append("overwritten")
        overwrite(former)

    monkeypatch.setattr(private_files, "sync_directory", watched_sync)
    monkeypatch.setattr(private_files, "_overwrite", watched_overwrite)
    replace_secret(path, NEW)
    assert done == ["synced", "overwritten"]
