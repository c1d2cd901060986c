import numpy as np
import pytest
from arith_functions import batch_norm, scalar_functions
from hypothesis import given, settings
from hypothesis import strategies as st

from qcompiler.arith.scalar_builder import ScalarBuilder
from qcompiler.arith.scalar_evaluation import approximate_at, evaluate
from qcompiler.arith.scalar_function import UndefinedError
from qcompiler.arith.switch_points import enumerate_codes, find_switch_points


def grid(points):
    x = np.arange(points.x_lo.min(), points.x_hi.max() + 1)
    return np.clip(x[None, :], points.x_lo[:, None], points.x_hi[:, None])


@given(
    st.sampled_from(["exact", "onnxruntime"]).flatmap(lambda n: scalar_functions(numerics=n)),
    st.lists(st.integers(-70, 0), min_size=3, max_size=3),
    st.lists(st.integers(0, 70), min_size=3, max_size=3),
)
@settings(deadline=None, max_examples=80)
def test_switch_points_say_what_the_function_says(function, x_lo, x_hi):
    try:
        points = find_switch_points(function, np.array(x_lo), np.array(x_hi))
        codes = evaluate(function, grid(points))
    except UndefinedError:  # inf - inf or 0 * inf
        return
    np.testing.assert_array_equal(points.evaluate(grid(points)), codes)
    assert points.lo == codes.min()
    assert points.hi == codes.max()
    np.testing.assert_array_equal(points.reached, (codes.min(axis=1), codes.max(axis=1)))


def test_marks_of_levels_that_all_or_no_accumulators_have():
    b = ScalarBuilder(3)
    f = b.quantize(b.apply("add", b.x, np.array([0.0, 9.0, -9.0])), lo=0, hi=2)
    points = find_switch_points(f, -4, 5)
    assert points.thresholds.tolist() == [[1, 2], [-4, -4], [6, 6]]


def test_decreasing_channels_are_mirrored():
    b = ScalarBuilder(2)
    f = b.quantize(b.apply("mul", b.x, np.array([1.0, -1.0])), rounding="floor", lo=0, hi=2)
    points = find_switch_points(f, np.array([0, -3]), np.array([3, 0]))
    assert points.sign.tolist() == [1, -1]
    assert points.thresholds.tolist() == [[1, 2], [1, 2]]


def test_near_ties_that_float64_gets_wrong_are_repaired():
    # At x[c] the sum is within a rounding error of a tie; float64 is wrong in some channels.
    r = np.random.default_rng(0)
    s, third = r.uniform(0.5, 2, 200), np.float64(np.float32(1 / 3))
    x, ties = r.integers(-50, 50, 200), r.choice([0.5, 1.5], 200)
    b = ScalarBuilder(200)
    value = b.apply("add", b.apply("mul", b.x, s * third), ties - x * (s * third))
    function = b.quantize(b.apply("mul", value, third), scale=third, lo=-5, hi=5)
    points = find_switch_points(function, -60, 60)
    near = np.arange(-60, 61)
    codes = evaluate(function, near)
    x_all = np.broadcast_to(near, codes.shape)
    rough = approximate_at(function, x_all, np.arange(200)[:, None])
    assert (rough > codes).any(axis=1).sum() > 9
    assert (rough < codes).any(axis=1).sum() > 9
    np.testing.assert_array_equal(points.evaluate(grid(points)), codes)


@pytest.mark.parametrize("numerics", ["exact", "onnxruntime"])
def test_wide_accumulators(numerics):
    function, lo, hi = batch_norm(8, 32, 6, numerics, signs=True)
    points = find_switch_points(function, lo, hi)
    z = np.concatenate([points.thresholds, points.thresholds - 1], axis=1)
    x = np.clip(z, points.z_lo[:, None], points.z_hi[:, None]) * points.sign[:, None]
    np.testing.assert_array_equal(points.evaluate(x), evaluate(function, x))
    assert set(points.sign) == {-1, 1}


def test_unknown_direction_is_enumerated():
    b = ScalarBuilder(1)
    square = b.quantize(b.apply("mul", b.x, b.x), lo=0, hi=50)
    assert find_switch_points(square, -3, 5) is None
    assert find_switch_points(square, 0, 5).thresholds[0, :5].tolist() == [1, 2, 2, 2, 3]
    assert find_switch_points(square, -5, 0).sign.tolist() == [-1]
    assert enumerate_codes(square, -2, 2).tolist() == [[4, 1, 0, 1, 4]]


def test_enumeration_has_a_limit():
    b = ScalarBuilder(1)
    square = b.quantize(b.apply("mul", b.x, b.x), lo=0, hi=50)
    with pytest.raises(
        ValueError, match="table: 2097153 entries for all channels, at most 1048576"
    ):
        find_switch_points(square, -(2**20), 2**20)


def test_bad_ranges_are_refused():
    function, _, _ = batch_norm(2, 8, 2)
    with pytest.raises(ValueError, match="lo 3 > hi 2 in channel 1"):
        find_switch_points(function, np.array([0, 3]), 2)
    with pytest.raises(ValueError, match="at most those of 54 bits"):
        find_switch_points(function, 0, 2**54)
