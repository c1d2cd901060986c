"""Softmax as integers: the bound on its distance to the real one, on random and on worst rows."""

from fractions import Fraction

import numpy as np
import pytest

from qcompiler.arith.softmax import Softmax, bits_of_entries
from qcompiler.arith.transcendental import exp_minus

CASES = [
    Softmax.within(Fraction(1, 10), Fraction(1, 256), 255, 64),
    Softmax.within(Fraction(float(np.float32(0.037))), Fraction(1, 255), 255, 768),
    Softmax.within(Fraction(1, 2), Fraction(1, 15), 15, 8, 3),
    Softmax.within(Fraction(3, 1), Fraction(1, 127), 255, 16),
]


def real(softmax, row, places=120):
    """Enclosures of real softmax in codes, one an element."""
    exps = [exp_minus(places, softmax.scale * int(max(row) - x)) for x in row]
    low, high = sum(e.lo for e in exps), sum(e.hi for e in exps)
    return [(e.lo / high / softmax.step, e.hi / low / softmax.step) for e in exps]


def integers(softmax, row):
    exps = [int(e) for e in softmax.table[max(row) - np.asarray(row)]]
    return [Fraction(e, sum(exps)) / softmax.step for e in exps]


def rows(softmax, count, seed=0):
    """Rows of few codes, of many, with one or several that are largest."""
    rng = np.random.default_rng(seed)
    spans = rng.integers(1, softmax.span + 2, count)
    found = [rng.integers(0, span, softmax.row) for span in spans]
    found += [np.full(softmax.row, 3), np.arange(softmax.row) % (softmax.span + 1)]
    far = np.zeros(softmax.row, np.int64)
    far[0] = softmax.span
    return [*found, far]


@pytest.mark.parametrize("softmax", CASES, ids=str)
def test_the_bound_holds(softmax):
    assert softmax.bound <= Fraction(1, 8)
    for row in rows(softmax, 3000 // softmax.row // 8 + 1):
        for (low, high), made in zip(real(softmax, row), integers(softmax, row), strict=True):
            assert low - softmax.bound <= made <= high + softmax.bound


@pytest.mark.parametrize("softmax", CASES, ids=str)
def test_the_bound_holds_on_the_worst_rows(softmax):
    """The largest once, all others where the table's error is the largest of one sign."""
    exact = [exp_minus(100, softmax.scale * d) for d in range(softmax.span + 1)]
    errors = [int(t) - e.lo * 2**softmax.bits for t, e in zip(softmax.table, exact, strict=True)]
    assert max(map(abs, errors)) <= Fraction(1, 2) + Fraction(1, 2**16)
    for worst in (int(np.argmax(errors)), int(np.argmin(errors))):
        row = np.full(softmax.row, softmax.span - worst)
        row[0] = softmax.span
        for (low, high), made in zip(real(softmax, row), integers(softmax, row), strict=True):
            assert low - softmax.bound <= made <= high + softmax.bound


def test_a_million_rows_in_float64():
    """Float64 is off by 2^-40 of a code here, far below the bound."""
    softmax = CASES[0]
    rng = np.random.default_rng(1)
    table, exact = softmax.table, np.exp(-float(softmax.scale) * np.arange(256))
    worst = 0.0
    for _ in range(20):
        spread = rng.integers(1, 256, (50000, 1))
        distance = rng.integers(0, 2**16, (50000, 8)) % spread
        distance[:, 0] = 0
        made = table[distance] / table[distance].sum(axis=1, keepdims=True)
        wanted = exact[distance] / exact[distance].sum(axis=1, keepdims=True)
        worst = max(worst, float(np.abs(made - wanted).max()))
    assert worst / float(softmax.step) <= float(softmax.bound) * 8 / softmax.row + 2.0**-40


def test_rows_where_codes_may_differ_are_counted():
    """Of codes that hardware makes and those of real softmax, only counted ones differ."""
    softmax = Softmax.within(Fraction(1, 4), Fraction(1, 255), 63, 6, 4)
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 64, (20000, 6))
    exps = softmax.table[codes.max(axis=1, keepdims=True) - codes]
    made = np.rint(exps / exps.sum(axis=1, keepdims=True) * 255)
    exact = np.exp((codes - codes.max(axis=1, keepdims=True)) / 4)
    wanted = np.rint(exact / exact.sum(axis=1, keepdims=True) * 255)
    differ = (made != wanted).sum(axis=1)
    counted = softmax.uncertain(codes)
    assert (differ <= counted).all()
    assert 0 < differ.sum() < counted.sum() < codes.size / 5


def test_as_many_bits_as_the_bound_takes():
    coarse, fine = (
        Softmax.within(Fraction(1, 4), Fraction(1, 256), 255, 64, bits) for bits in (4, 12)
    )
    assert bits_of_entries(fine) - bits_of_entries(coarse) == 8
    assert Fraction(1, 2**13) < fine.bound <= Fraction(1, 2**12)
    with pytest.raises(ValueError, match="takes exponentials of 68 bits, more than 48"):
        Softmax.within(Fraction(1, 4), Fraction(1, 2**50), 255, 64, 12)
