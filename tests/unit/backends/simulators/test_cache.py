import os
import time

import pytest

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
