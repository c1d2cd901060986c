"""Which matrices are butterflies, and what these compute."""

import numpy as np
import pytest

from qcompiler.arith.hadamard import signs_of, sylvester, transformed


@pytest.mark.parametrize("n", [2, 4, 8, 64])
def test_signs_are_found_again(n):
    random = np.random.default_rng(n)
    for ones in (), (0,), (1,), (0, 1):
        signs = [random.choice([-1, 1], n) for _ in range(2)]
        signs = [np.ones(n, np.int64) if i in ones else part for i, part in enumerate(signs)]
        matrix = signs[0][:, None] * sylvester(n) * signs[1]
        rows, columns = signs_of(matrix)
        np.testing.assert_array_equal(rows[:, None] * sylvester(n) * columns, matrix)
        if ones:  # signs that can be left out are
            assert (rows == 1).all() or (columns == 1).all()


def test_other_matrices_have_none():
    h = sylvester(4)
    assert signs_of(h[[0, 2, 1, 3]][:, [1, 0, 2, 3]] * np.array([1, 1, 1, 2])) is None
    assert signs_of(np.random.default_rng(0).permutation(sylvester(16))) is None
    for other in (h[:2], h[:3, :3], h[:1, :1], np.zeros((4, 4), np.int64)):
        assert signs_of(other) is None


@pytest.mark.parametrize("n", [1, 2, 16])
def test_additions_are_the_product(n):
    x = np.random.default_rng(0).integers(-99, 99, (3, 5, n))
    np.testing.assert_array_equal(transformed(x), x @ sylvester(n))
