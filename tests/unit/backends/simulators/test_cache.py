import errno
import os
import time

import pytest

from qcompiler.backends.simulators.base import SimulationError
from qcompiler.backends.simulators.cache import BuildCache, default_cache_root


def fill(size):
    return lambda product: (product / "sim").write_bytes(bytes(size))


def test_nothing_half_built_is_kept(tmp_path):
    cache = BuildCache(tmp_path)

    def fail(product):
        (product / "sim").write_text("half")
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        cache.get("key", fail)
    assert list((tmp_path / "simulators" / "builds").iterdir()) == []
    assert (cache.get("key", fill(3)) / "sim").stat().st_size == 3
    assert (cache.get("key", fail) / "sim").stat().st_size == 3


def test_the_quicker_of_two_builders_wins(tmp_path):
    cache = BuildCache(tmp_path)

    def overtaken(product):
        fill(1)(product)
        cache.get("key", fill(2))

    assert (cache.get("key", overtaken) / "sim").stat().st_size == 2


def test_least_recently_used_goes_first_but_never_what_is_fresh(tmp_path):
    cache = BuildCache(tmp_path, max_bytes=250)
    for age_hours, key in ((5, "a"), (4, "b"), (3, "c")):
        entry = cache.get(key, fill(100))
        os.utime(entry, (0, time.time() - 3600 * age_hours))
    cache.get("a", fill(100))
    cache.get("d", fill(100))
    kept = {path.name for path in (tmp_path / "simulators" / "builds").iterdir()}
    assert kept == {"a", "d"}
    for key in "efgh":
        cache.get(key, fill(100))
    assert len(list((tmp_path / "simulators" / "builds").iterdir())) == 6


def test_relative_cache_home_is_ignored_as_its_specification_says(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    assert default_cache_root().is_absolute()


def _damage(entry, how):
    sim = entry / "sim"
    if how == "changed":
        sim.write_bytes(b"evil")
    elif how == "cut":
        sim.write_bytes(b"")
    elif how == "gone":
        sim.unlink()
    elif how == "more":
        (entry / "libevil.so").write_bytes(b"evil")
    elif how == "a link":
        sim.unlink()
        sim.symlink_to("/bin/true")
    elif how == "a folder":
        sim.unlink()
        sim.mkdir()
    elif how == "no sums":
        (entry / "SHA256SUMS").unlink()
    else:
        (entry / "SHA256SUMS").write_bytes(b"\xff\xfe")


DAMAGE = ["changed", "cut", "gone", "more", "a link", "a folder", "no sums", "sums"]


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_entry_is_built_again(tmp_path, how):
    cache = BuildCache(tmp_path)
    entry = cache.get("key", fill(3))
    _damage(entry, how)
    assert cache.get("key", fill(5)) == entry
    assert (entry / "sim").stat().st_size == 5
    assert not (entry / "libevil.so").exists()


def test_an_entry_that_is_a_link_or_a_file_is_built_again(tmp_path):
    cache = BuildCache(tmp_path)
    entry = cache.get("key", fill(3))
    elsewhere = tmp_path / "elsewhere"
    entry.rename(elsewhere)
    entry.symlink_to(elsewhere)
    assert not cache.get("key", fill(5)).is_symlink()
    assert (elsewhere / "sim").exists()
    other = cache.get("other", fill(3))
    for path in other.iterdir():
        path.unlink()
    other.rmdir()
    other.write_text("a file")
    assert (cache.get("other", fill(4)) / "sim").stat().st_size == 4


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
@pytest.mark.parametrize("mode", [0o770, 0o777, 0o707])
def test_what_others_could_write_is_not_run(tmp_path, mode):
    cache = BuildCache(tmp_path)
    entry = cache.get("key", fill(3))
    for folder in (entry, entry.parent, entry.parent.parent):
        folder.chmod(mode)
        assert (cache.get("key", fill(5)) / "sim").stat().st_size == 5
        assert not folder.stat().st_mode & 0o022
        (entry / "sim").unlink()
        cache.get("key", fill(3))


def test_a_cache_of_another_user_is_refused(tmp_path, monkeypatch):
    cache = BuildCache(tmp_path)
    cache.get("key", fill(3))
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    with pytest.raises(SimulationError, match=r"belongs to another user.*XDG_CACHE_HOME"):
        cache.get("key", fill(3))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_said_to_be_full(tmp_path, number):
    def full(product):
        raise OSError(number, os.strerror(number), str(product / "sim"))

    with pytest.raises(SimulationError, match=r"disk full: .*sim cannot be written; make room"):
        BuildCache(tmp_path).get("key", full)


def test_a_cache_that_is_no_folder(tmp_path):
    (tmp_path / "simulators").write_text("x")
    with pytest.raises(SimulationError, match="the simulation cache"):
        BuildCache(tmp_path).get("key", fill(1))
