"""Random scalar functions, many of them with structural ties, for the tests next to this file."""

import numpy as np
from hypothesis import strategies as st

from qcompiler.arith.rounding import RoundingMode
from qcompiler.arith.scalar_builder import ScalarBuilder

MODES: tuple[RoundingMode, ...] = (
    "half_even",
    "ceil",
    "floor",
    "up",
    "down",
    "half_up",
    "half_down",
)

# Dyadic, thirds in float32, ordinary, and huge: ties and near ties by construction.
NASTY = [0.0, 0.5, 1.0, 2.0, 0.25, 1.5, 3.0, 0.1, 1 / 3, 2 / 3, 1e-3, 1e20, 7.0, 0.05, 1e-30]
FACTORS = st.sampled_from(NASTY + [-value for value in NASTY]).map(np.float32)
SCALES = st.sampled_from([0.5, 1.0, 2.0, 0.25, 1 / 3, 0.1, 3.0, 0.7, 0.05]).map(np.float32)
OPS = ("add", "sub", "mul", "div", "min", "max", "neg", "relu", "clip", "floor", "identity")
CHANNELS = 3


def _draw_constant(draw, nonzero=False):
    values = draw(st.lists(FACTORS, min_size=CHANNELS, max_size=CHANNELS))
    constant = np.array(values, np.float32)
    return np.where(constant == 0, np.float32(1), constant) if nonzero else constant


@st.composite
def scalar_functions(draw, numerics="exact", ops=OPS):
    """A function of 3 channels: up to five operations on x, then a quantizer."""
    b = ScalarBuilder(CHANNELS, numerics)
    value = b.x
    for op in draw(st.lists(st.sampled_from(ops), max_size=5)):
        if op in ("neg", "relu", "floor", "identity"):
            value = b.apply(op, value)
        elif op == "clip":
            value = b.apply(op, value, -2.5, _draw_constant(draw))
        else:
            value = b.apply(op, value, _draw_constant(draw, nonzero=op == "div"))
    lo = draw(st.sampled_from([-8, 0, -1]))
    return b.quantize(
        value,
        scale=draw(SCALES),
        zero_point=np.array(draw(st.lists(st.integers(-3, 3), min_size=3, max_size=3))),
        rounding=draw(st.sampled_from(MODES)),
        lo=lo,
        hi=lo + draw(st.sampled_from([0, 1, 7, 15])),
        zero_point_after_rounding=draw(st.booleans()),
    )


def batch_norm(channels, acc_bits, bits, numerics="exact", seed=0, *, signs=False):
    """Scale, bias, mean, gamma, beta, relu with random float32 parameters; returns (f, lo, hi)."""
    r = np.random.default_rng(seed)
    span = 2 ** (acc_bits - 1)
    gamma = r.uniform(0.5, 1.5, channels) * (r.choice([-1, 1], channels) if signs else 1)
    b = ScalarBuilder(channels, numerics)
    v = b.apply("mul", b.x, (r.uniform(0.5, 1.5, channels) / 64).astype(np.float32))
    v = b.apply("add", v, r.normal(size=channels).astype(np.float32))
    v = b.apply("mul", v, gamma.astype(np.float32))
    v = b.apply("relu", b.apply("add", v, r.normal(size=channels).astype(np.float32)))
    scale = np.float32(span / 64 / 2**bits)
    return b.quantize(v, scale=scale, lo=0, hi=2**bits - 1), -span, span - 1
