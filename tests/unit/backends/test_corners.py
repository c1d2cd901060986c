"""Test vectors hold the corners of all inputs together, as far as half of them are enough."""

import numpy as np
import pytest

from qcompiler.arith.ranges import IntRange
from qcompiler.backends.corners import vectors_of

RANGES, SHAPES = [IntRange(-8, 7), IntRange(2, 5)], [(2, 3), (4,)]


def flat(count, seed=0):
    parts = vectors_of(RANGES, SHAPES, count, np.random.default_rng(seed))
    assert [part.shape for part in parts] == [(count, *shape) for shape in SHAPES]
    return np.concatenate([part.reshape(count, -1) for part in parts], axis=1)


LOW, HIGH = np.repeat([-8, 2], [6, 4]), np.repeat([7, 5], [6, 4])


def rows(frames):
    return {tuple(row) for row in frames.tolist()}


def test_all_corners_are_there():
    found = rows(flat(100))
    for around in (LOW, HIGH, np.repeat([0, 2], [6, 4])):
        for to in (LOW, HIGH):
            for element in range(10):
                wanted = around.copy()
                wanted[element] = to[element]
                assert tuple(wanted.tolist()) in found
    turns = np.where(np.arange(10) % 2, HIGH, LOW)
    assert {tuple(turns.tolist()), tuple((LOW + HIGH - turns).tolist())} <= found


@pytest.mark.parametrize("count", [1, 2, 3, 8, 20])
def test_half_of_the_frames_stay_random(count):
    frames = flat(count, seed=1)
    assert tuple(LOW.tolist()) in rows(frames[:1])
    assert (frames >= LOW).all()
    assert (frames <= HIGH).all()
    ends = ((frames == LOW) | (frames == HIGH) | (frames == 0)).all(axis=1)
    assert ends.sum() <= -(-count // 2)


def test_a_bit_has_both_ends():
    (bits,) = vectors_of([IntRange(0, 1)], [(600,)], 4000, np.random.default_rng(0))
    assert {0, 1, 599, 600} <= set(bits.sum(axis=1).tolist())
    hot = bits[bits.sum(axis=1) == 1].argmax(axis=1)
    assert len(np.unique(hot)) > 500
