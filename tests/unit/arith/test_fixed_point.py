"""Fixed-point casts beside the package `quantizers`, which follows the tools of AMD."""

from itertools import product
from typing import get_args

import numpy as np
import pytest
from quantizers import get_fixed_quantizer_np

from qcompiler.arith.fixed_point import FixedPoint, Rounding

MODES = [*product(get_args(Rounding), ["SAT", "SAT_SYM", "WRAP"])]
each_format = pytest.mark.parametrize(
    ("width", "fraction"), [(2, 0), (4, 2), (5, 7), (6, -2), (8, 4)]
)


@each_format
@pytest.mark.parametrize(("rounding", "overflow"), MODES)
@pytest.mark.parametrize("signed", [True, False])
def test_equals_quantizers_on_all_codes(rounding, overflow, signed, width, fraction):
    # Three periods and more on both sides, eight numbers a code: all ties among them.
    x = np.arange(-7 * 2**width * 8, 7 * 2**width * 8) / 8 * 2.0**-fraction
    wanted = get_fixed_quantizer_np(rounding, overflow)(
        x, signed, width - fraction - signed, fraction
    )
    got = FixedPoint(width, fraction, signed, rounding, overflow).cast(x)
    assert np.array_equal(got, wanted)


@each_format
@pytest.mark.parametrize("rounding", ["RND", "RND_CONV"])  # what `quantizers` has
def test_sign_magnitude_wrap_equals_quantizers_on_all_codes(rounding, width, fraction):
    number = FixedPoint(width, fraction, True, rounding, "WRAP_SM")
    whole = np.arange(-7 * 2**width, 7 * 2**width) * 2.0**-fraction
    wanted = get_fixed_quantizer_np(rounding, "WRAP_SM")(whole, 1, width - fraction - 1, fraction)
    assert np.array_equal(number.cast(whole), wanted)
    # Between codes `quantizers` looks at the number before it is rounded, so that halves that round
    # into another period go wrong there.
    x = np.arange(-7 * 2**width * 8, 7 * 2**width * 8) / 8 * 2.0**-fraction
    rounded = FixedPoint(62, fraction, True, rounding).cast(x)
    assert np.array_equal(number.cast(x), number.cast(rounded))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rounding": "UP"}, "rounding must be one of TRN"),
        ({"overflow": "CLIP"}, "overflow must be one of SAT"),
        ({"overflow": "WRAP_SM", "signed": False}, "mirrors at the sign"),
        ({"width": 1}, "at least 2 bits, got 1"),
    ],
)
def test_what_there_is_not_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        FixedPoint(**{"width": 4, "fraction": 0, **options})


@pytest.mark.parametrize("overflow", ["SAT", "SAT_SYM", "WRAP"])
def test_a_fitted_point_has_the_least_error(overflow):
    x = np.random.default_rng(0).normal(0, 3.7, 500)
    number = FixedPoint(4, 0, overflow=overflow)
    fitted = number.fitted(x)
    errors = {
        f: ((FixedPoint(4, f, overflow=overflow).cast(x) - x) ** 2).sum() for f in range(-9, 9)
    }
    assert fitted.fraction == min(errors, key=errors.__getitem__)
    assert FixedPoint(4, fitted.fraction, overflow=overflow) == fitted
    assert number.fitted(np.zeros(3)) == number.fitted(np.zeros(0))
