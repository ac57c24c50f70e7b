"""Where a backup may be made."""

from typing import TYPE_CHECKING

import pytest

from e2echat.errors import LocalError, StorageError

if TYPE_CHECKING:
    from tests.client.conftest import Site


@pytest.mark.parametrize(
    "name", ["locked", "database.old", "vault", "backup", "downloads/backup", "sub/../backup"]
)
def test_a_backup_is_none_of_the_profiles_own_files(site: "Site", name: str) -> None:
    alice, home = site.create("alice"), site.home("alice")
    (home / "downloads").mkdir()
    (home.parent / "link").symlink_to(home)
    before = sorted(home.iterdir())
    for directory in (home, home.parent / "link"):
        with pytest.raises(LocalError, match="own directory"):
            alice.backup(str(directory / name), "correct horse")
    assert sorted(home.iterdir()) == before


@pytest.mark.parametrize("name", ["nul\0", "nul\0/backup", "half \ud800", "\ud800/backup"])
def test_what_is_no_name_is_refused(site: "Site", name: str) -> None:
    alice = site.create("alice")
    with pytest.raises(LocalError, match="name"):
        alice.backup(f"{site.directory}/{name}", "correct horse")


def test_links_in_circles_are_an_error(site: "Site") -> None:
    alice = site.create("alice")
    (site.directory / "circle").symlink_to("circle")
    with pytest.raises(StorageError):
        alice.backup(str(site.directory / "circle" / "backup"), "correct horse")


def test_beside_the_profile_is_well(site: "Site") -> None:
    alice = site.create("alice")
    file = site.directory / "alice.backup"
    assert alice.backup(str(file), "correct horse") == file.stat().st_size
