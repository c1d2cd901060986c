import itertools

import numpy as np
import pytest
from arith_functions import batch_norm, scalar_functions
from hypothesis import given, settings
from msgspec.structs import replace

from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizer_proofs import (
    agrees,
    prove_mul_shift,
    prove_shift,
    prove_table,
    prove_threshold,
)
from qcompiler.arith.scalar_builder import ScalarBuilder
from qcompiler.arith.scalar_evaluation import evaluate
from qcompiler.arith.switch_points import find_switch_points


def all_forms(points):
    for parity in (None, 0, 1):
        yield prove_shift(points, parity)
        yield prove_mul_shift(points, parity)
        yield prove_mul_shift(points, parity, shared=True)
    yield prove_threshold(points)
    yield prove_table(points)


def check_on(function, x, forms):
    """Checks all forms that exist against the function; returns how many exist."""
    codes = evaluate(function, x)
    x = np.broadcast_to(x, codes.shape)
    found = [form for form in forms if form is not None]
    for form in found:
        np.testing.assert_array_equal(form.apply(x, channel_axis=0), codes, str(type(form)))
    return len(found)


@given(scalar_functions())
@settings(deadline=None, max_examples=80)
def test_every_proven_form_equals_the_function(function):
    points = find_switch_points(function, -150, np.array([90, 100, 170]))
    x = np.clip(np.arange(-150, 171)[None, :], -150, points.x_hi[:, None])
    assert check_on(function, x, all_forms(points)) >= 2  # threshold and table always exist


def linear(scales, bits=8, **options):
    b = ScalarBuilder(len(scales))
    value = b.apply("mul", b.x, np.asarray(scales, np.float32))
    return b.quantize(value, lo=-(2 ** (bits - 1)), hi=2 ** (bits - 1) - 1, **options)


def test_random_int8_scales_need_far_less_than_31_multiplier_bits():
    function = linear(np.random.default_rng(1).uniform(0.5, 1, 16) * 2**-8)
    points = find_switch_points(function, -(2**15), 2**15 - 1)
    form = prove_mul_shift(points)
    assert 12 <= form.multiplier_range.width_bits <= 22
    assert check_on(function, np.arange(-(2**15), 2**15), [form]) == 1


def brute_force_bits(points, tie_parity):
    """The smallest shift with any multiplier and bias, and the smallest multiplier, by trial."""
    x = np.arange(points.x_lo[0], points.x_hi[0] + 1)
    y = points.evaluate(x[None, :])[0]
    for shift in itertools.count(0 if tie_parity is None else 1):
        for m, b in itertools.product(range(5 << shift), range(-(9 << shift), 9 << shift)):
            p = x * m + b
            q = p >> shift
            if tie_parity is not None:
                q = q - (((p & ((1 << shift) - 1)) == 0) & ((q & 1) != tie_parity))
            if (np.clip(q, points.lo, points.hi) == y).all():
                return shift, m
    return None


@pytest.mark.parametrize("tie_parity", [None, 0, 1])
@pytest.mark.parametrize("seed", range(4))
def test_shift_and_multiplier_are_the_smallest(seed, tie_parity):
    r = np.random.default_rng(seed)
    b = ScalarBuilder(1)
    value = b.apply("add", b.apply("mul", b.x, r.uniform(0.2, 2)), r.uniform(-1, 1))
    points = find_switch_points(b.quantize(value, lo=-2, hi=3), -6, 6)
    form = prove_mul_shift(points, tie_parity)
    if form is not None:
        assert (form.shift, form.multiplier[0]) == brute_force_bits(points, tie_parity)


def test_half_even_at_a_power_of_two_needs_the_tie_fix():
    function = linear([0.5, 0.5])
    points = find_switch_points(function, -300, 300)
    assert prove_mul_shift(points) is None
    assert prove_shift(points) is None
    form = prove_shift(points, 0)
    assert (form.shift, form.bias.tolist(), form.tie_parity) == (1, [1], 0)
    wide = prove_mul_shift(points, 0)
    assert check_on(function, np.arange(-300, 301), [form, wide]) == 2
    assert (wide.shift, wide.multiplier.tolist()) == (1, [1])


def test_odd_zero_point_after_rounding_ties_to_odd():
    function = linear([0.25], zero_point=3, zero_point_after_rounding=True)
    points = find_switch_points(function, -900, 900)
    assert prove_shift(points, 0) is None
    assert check_on(function, np.arange(-900, 901), [prove_shift(points, 1)]) == 1


def test_half_up_is_a_plain_multiplication_where_half_even_is_not():
    function = linear([0.5], bits=6, rounding="half_up")
    points = find_switch_points(function, -60, 60)
    assert prove_shift(points) is None  # ties go away from zero: not evenly spaced
    assert check_on(function, np.arange(-60, 61), [prove_mul_shift(points)]) == 1


def test_float32_noise_can_rule_out_any_line():
    # On 22 bit accumulators a float32 product often lands on a tie that the real one misses.
    scales = (np.random.default_rng(1).uniform(0.5, 1, 4) * 2**-14).astype(np.float32)
    b = ScalarBuilder(4, "onnxruntime")
    function = b.quantize(b.rescale(b.x, scales), lo=-128, hi=127)
    points = find_switch_points(function, -(2**21), 2**21)
    assert prove_mul_shift(points) is None
    near = points.thresholds[:, :, None] + np.arange(-3, 4)
    x = np.clip(near.reshape(4, -1), -(2**21), 2**21)
    assert check_on(function, x, [prove_threshold(points)]) == 1


def test_left_shift():
    function = linear([4.0, -4.0], bits=8)
    points = find_switch_points(function, -100, 100)
    form = prove_shift(points)
    assert (form.shift, form.sign.tolist()) == (-2, [1, -1])
    assert check_on(function, np.arange(-100, 101), [form]) == 1


def test_bipolar():
    b = ScalarBuilder(2)
    value = b.apply("add", b.x, np.array([3.25, -7.5]))
    function = b.quantize(value, scale=1e9, zero_point=1, rounding="floor", lo=0, hi=1)
    points = find_switch_points(function, -500, 500)
    assert points.thresholds.tolist() == [[-3], [8]]
    assert check_on(function, np.arange(-500, 501), all_forms(points)) >= 4


def test_steps_so_steep_that_all_levels_switch_at_once():
    b = ScalarBuilder(3)
    value = b.apply("mul", b.apply("add", b.x, 0.5), np.array([1e30, -1e30, 0.0]))
    function = b.quantize(value, lo=0, hi=15)
    points = find_switch_points(function, -(2**15), 2**15)
    assert points.thresholds[0].tolist() == [0] * 15
    assert points.thresholds[2].tolist() == [2**15 + 1] * 15
    assert check_on(function, np.arange(-(2**15), 2**15 + 1), all_forms(points)) >= 3
    form = prove_mul_shift(points)
    assert form.multiplier[0] == -form.multiplier[1]
    assert form.multiplier[2] == 0


def test_constant_function():
    b = ScalarBuilder(2)
    function = b.quantize(b.apply("mul", b.x, 0.0), zero_point=5, lo=0, hi=15)
    points = find_switch_points(function, -9, 9)
    assert points.thresholds.shape == (2, 0)
    assert check_on(function, np.arange(-9, 10), all_forms(points)) == 11


def test_thresholds_of_channels_that_agree_where_they_matter_share_a_row():
    b = ScalarBuilder(2)
    function = b.quantize(b.apply("min", b.x, np.array([1.0, 9.0])), lo=0, hi=3)
    points = find_switch_points(function, -9, 9)
    form = prove_threshold(points)
    assert points.thresholds.tolist() == [[1, 10, 10], [1, 2, 3]]
    assert form.thresholds.shape == (2, 3)
    ranges = find_switch_points(linear([1.0, 1.0], bits=3), np.array([-9, 0]), np.array([0, 9]))
    assert prove_threshold(ranges).thresholds.shape == (1, 7)


def test_batch_norm_with_decreasing_channels_on_the_whole_range():
    function, lo, hi = batch_norm(12, 16, 4, seed=3, signs=True)
    points = find_switch_points(function, lo, hi)
    assert check_on(function, np.arange(lo, hi + 1), all_forms(points)) >= 3
    form = prove_mul_shift(points)
    assert form.sum_range(IntRange(lo, hi)).width_bits <= 63


@pytest.mark.parametrize("field", ["multiplier", "bias"])
@pytest.mark.parametrize("by", [-1, 1])
def test_the_check_sees_a_form_that_is_off_by_a_little(field, by):
    # The middle of the bias interval would forgive one; its ends do not forgive a shift's worth.
    function, lo, hi = batch_norm(4, 12, 6, seed=5)
    points = find_switch_points(function, lo, hi)
    form = prove_mul_shift(points)
    off = by << (form.shift if field == "bias" else form.shift - 7)
    broken = replace(form, **{field: getattr(form, field) + off})
    assert agrees(form, points)
    assert not agrees(broken, points)


@pytest.mark.parametrize("by", [-1, 1])
def test_the_check_sees_one_threshold_that_is_off_by_one(by):
    function, lo, hi = batch_norm(4, 12, 2, seed=5)
    points = find_switch_points(function, lo, hi)
    form = prove_threshold(points)
    form.thresholds[2, 1] += by
    points = find_switch_points(function, lo, hi)
    assert not agrees(form, points)


def test_thresholds_one_apart_do_not_share_a_row():
    b = ScalarBuilder(2)
    function = b.quantize(b.apply("add", b.x, np.array([0.0, 1.0])), lo=0, hi=1)
    form = prove_threshold(find_switch_points(function, -5, 5))
    assert form.thresholds.tolist() == [[1], [0]]


def test_a_channel_that_never_leaves_zero_keeps_a_small_bias():
    b = ScalarBuilder(3)
    function = b.quantize(b.apply("add", b.x, np.array([0.0, 3.0, -100.0])), lo=0, hi=3)
    form = prove_shift(find_switch_points(function, -9, 9))
    assert form.bias.tolist()[:2] == [0, 3]
    assert abs(form.bias[2]) < 100


def test_table_limits():
    function, lo, hi = batch_norm(40, 16, 2)
    points = find_switch_points(function, lo, hi)
    assert prove_table(points) is None
    assert prove_table(find_switch_points(function, lo, hi + 1)) is None
