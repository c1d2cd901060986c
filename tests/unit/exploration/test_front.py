"""Fronts, and the time that is left."""

import numpy as np
import pytest

from qcompiler.exploration.points import Point, front, front_of
from qcompiler.exploration.remaining import Durations, time_words

A, B = ("design", "a"), ("design", "b")


def brute(numbers):
    """The rows that no other one equals or beats, but for the first of equal ones."""
    kept = []
    for i, row in enumerate(numbers):
        others = [o for j, o in enumerate(numbers) if (o != row).any() or j < i]
        if not any((other <= row).all() for other in others):
            kept.append(i)
    return kept


@pytest.mark.parametrize("columns", [1, 2, 4])
def test_a_front_is_what_nothing_beats(columns):
    numbers = np.random.default_rng(columns).integers(0, 9, (200, columns)).astype(float)
    assert front(numbers) == brute(numbers)


def point(name, device="", fault="", state="done", **measures):
    options = {"device": device}
    return Point(name, "design", state, "m", options, (), measures, fault, "", "", "")


def test_only_what_can_be_compared_is():
    points = [
        point("large", "a", rate=1.0, luts=9, latency=1.0),
        point("small", "a", rate=1.0, luts=5, latency=1.0),
        point("other device", "b", rate=1.0, luts=9, latency=1.0),
        point("does not fit", "a", "does not fit: LUT", rate=9.0, luts=1, latency=1.0),
        point("failed", "a", state="failed", rate=9.0, luts=1, latency=1.0),
        point("not accurate", "a", rate=1.0, luts=1, latency=1.0, accuracy=0.5),
        point("accurate", "a", rate=1.0, luts=2, latency=1.0, accuracy=0.9),
        point("worse", "a", rate=1.0, luts=2, latency=1.0, accuracy=0.8),
    ]
    names = {found.key for found in front_of(points)}
    assert names == {"small", "other device", "not accurate", "accurate"}


def test_time_left_is_a_range_that_narrows():
    durations = Durations()
    assert durations.range({A: 10}, 2) is None
    for seconds in (8.0, 12.0):
        durations.add(A, seconds)
    least, most = durations.range({A: 100}, 2)
    assert least < 500 < most
    for _ in range(20):
        durations.add(A, 8.0)
        durations.add(A, 12.0)
    narrow = durations.range({A: 100}, 2)
    assert least < narrow[0] < 500 < narrow[1] < most
    assert durations.range({A: 1}, 8)[1] >= 10.0, "the last trial takes its time"
    assert durations.range({B: 100}, 2)[0] <= 500 <= durations.range({B: 100}, 2)[1]
    assert durations.range({A: 100}, 0) is None


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (None, "time left not known yet"),
        ((1.0, 4.0), "a few seconds left"),
        ((100.0, 110.0), "about 105 s left"),
        ((100.0, 290.0), "1 to 5 min left"),
        ((3.0 * 3600, 9.0 * 3600), "3 to 9 hours left"),
        ((10.0 * 86400, 10.5 * 86400), "about 10 days left"),
    ],
)
def test_time_in_words(span, words):
    assert time_words(span) == words
