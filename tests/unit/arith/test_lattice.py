"""The corners of convex hulls of integer points next to a line are all found."""

import numpy as np
import pytest

from qcompiler.arith.lattice import first_in_range, first_multiple, points_above, points_below


def hull(points):
    """Returns the corners of the upper hull of points, by brute force."""
    corners = []
    for x, y in sorted(set(points)):
        while len(corners) > 1:
            (x0, y0), (x1, y1) = corners[-2:]
            if (x1 - x0) * (y - y0) < (y1 - y0) * (x - x0):
                break
            corners.pop()
        corners.append((x, y))
    return corners


@pytest.mark.parametrize("seed", range(400))
def test_the_corners_are_those_of_all_points(seed):
    rng = np.random.default_rng(seed)
    p, q, r = (
        int(v) for v in (rng.integers(-80, 81), rng.integers(1, 61), rng.integers(-200, 201))
    )
    lo = int(rng.integers(-40, 21))
    hi = lo + int(rng.integers(0, 60))
    floors = [(x, (p * x + r) // q) for x in range(lo, hi + 1)]
    below, above = points_below(p, q, r, lo, hi), points_above(p, q, r, lo, hi)
    assert hull(floors) == hull(below)
    assert hull([(x, -y - 1) for x, y in floors]) == hull([(x, -y) for x, y in above])


@pytest.mark.parametrize("seed", range(100))
def test_congruences_are_solved(seed):
    rng = np.random.default_rng(seed)
    p, q, r = (
        int(v) for v in (rng.integers(-80, 81), rng.integers(1, 61), rng.integers(-200, 201))
    )
    multiples = [x for x in range(2 * q) if (p * x + r) % q == 0]
    found = first_multiple(p, q, r)
    assert found == ((multiples[0], multiples[1] - multiples[0]) if multiples else None)
    least = int(rng.integers(0, q))
    most = int(rng.integers(least, q))
    inside = [x for x in range(q) if least <= p % q * x % q <= most]
    assert first_in_range(p % q, q, least, most) == (inside[0] if inside else None)


def test_large_numbers_have_few_corners():
    found = points_below(2**70 + 12345, 2**75 + 1, 7, -(2**62), 2**62)
    assert len(found) < 100
