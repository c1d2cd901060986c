import numpy as np
import pytest

from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizers import MulShift, Shift, Table, Threshold

X = np.arange(-6, 7)


def row(*values):
    return np.array(values, np.int64)


def test_shift_formula():
    assert Shift(1, row(1), row(1), -9, 9).apply(X[:, None])[:, 0].tolist() == [
        (x + 1) >> 1 for x in X
    ]
    left = Shift(-2, row(3), row(-1), -9, 9)
    assert left.apply(X[:, None])[:, 0].tolist() == [min(max(-4 * x + 3, -9), 9) for x in X]
    assert left.sum_range(IntRange(-6, 6)) == IntRange(-21, 27)


def test_tie_fix_rounds_half_to_even_or_odd():
    even = Shift(1, row(1), row(1), -9, 9, tie_parity=0)
    np.testing.assert_array_equal(even.apply(X), np.rint(X / 2))
    odd = MulShift(row(2), row(2), 2, -9, 9, tie_parity=1)
    np.testing.assert_array_equal(odd.apply(X), np.rint(X / 2 + 1) - 1)


def test_mul_shift_per_channel_on_any_axis():
    form = MulShift(row(3, -5), row(4, 8), 3, -3, 3)
    x = np.stack([X, X])
    expected = np.clip([(3 * X + 4) >> 3, (-5 * X + 8) >> 3], -3, 3)
    np.testing.assert_array_equal(form.apply(x, channel_axis=0), expected)
    np.testing.assert_array_equal(form.apply(x.T), expected.T)
    np.testing.assert_array_equal(form.apply(x[None, :, None], channel_axis=1)[0, :, 0], expected)
    assert form.sum_range(IntRange(-6, 6)) == IntRange(-22, 38)
    assert form.multiplier_range.width_bits == 4


def test_threshold_counts_duplicates_and_signs():
    form = Threshold(np.array([[-2, 0, 0, 99], [1, 2, 3, 4]]), row(1, -1), lo=-1)
    x = np.array([[-3, -2, 0], [-4, -2, 0]])
    assert form.apply(x, channel_axis=0).tolist() == [[-1, 0, 2], [3, 1, -1]]
    assert form.apply(x.T).tolist() == np.transpose([[-1, 0, 2], [3, 1, -1]]).tolist()


def test_table_looks_up_and_refuses_what_it_lacks():
    form = Table(np.array([[5, 6, 7], [8, 9, 10]]), x_lo=-1)
    assert form.apply(np.array([[-1, 1], [0, 0]])).tolist() == [[5, 10], [6, 9]]
    with pytest.raises(ValueError, match=r"must lie in \[-1, 1\], got \[0, 2\]"):
        form.apply(np.array([[0, 2]]))


def test_ties_are_mended_in_any_memory_layout():
    form = Shift(1, np.array([1]), np.array([1]), -100, 100, tie_parity=0)
    x = np.arange(-12, 12).reshape(4, 6)
    np.testing.assert_array_equal(form.apply(x.T).T, form.apply(x))
    np.testing.assert_array_equal(form.apply(x[:, ::2]), form.apply(x)[:, ::2])


@pytest.mark.parametrize("ties", [(None, 0), (0, 0), (1, 0), (0, 2)], ids=str)
@pytest.mark.parametrize("shift", [-2, 0, 1, 5])
def test_floats_give_the_same_codes_where_they_hold_all(shift, ties):
    rng, x = np.random.default_rng(7), np.arange(-3000, 3000).reshape(2, -1, 3)
    bias = rng.integers(-99, 99, 3)
    forms = [Shift(shift, bias, row(1, -1, 1), -90, 80, *ties)]
    if shift >= 0:
        forms.append(MulShift(rng.integers(-9, 9, 3), bias, shift, -90, 80, *ties))
    for form in forms:
        assert form.holds_whole(IntRange(-3000, 2999))
        for given in (x, x.astype(np.float32), x[:, ::-1]):
            assert (form.whole(given) == form.apply(given.astype(np.int64))).all()
        moved = np.moveaxis(x, -1, 1)
        assert (form.whole(moved, 1) == form.apply(moved, 1)).all()


def test_what_floats_do_not_hold():
    form = MulShift(row(2**30), row(0), 30, -9, 9)
    assert [form.holds_whole(IntRange(0, 2**n - 1)) for n in (23, 24)] == [True, False]
