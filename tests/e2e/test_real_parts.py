"""Real parts, then moves or pools, then a quantizer or a layer: onnxruntime's integers.

`python -m benchmarks.real_parts` does the same for every combination.
"""

import numpy as np
import pytest
from onnx_models import save

import qcompiler
from benchmarks.real_parts import (
    AVERAGES,
    MOVES,
    READERS,
    REALS,
    frames,
    network,
    onnxruntime_codes,
    outcome,
)

REAL = [name for name in REALS if name not in ("none", "leaky", "hard_swish")]
EACH_MOVE = [
    (REAL[(5 * i) % len(REAL)], move, list(READERS)[i % len(READERS)])
    for i, move in enumerate(MOVES)
]
PAIRS = [
    ("batch_norm", "max_pool+flatten", "relu_quantizer_layer"),
    ("bias_relu", "pad+channels_last", "quantizer_layer"),
    ("batch_norm", "pad_with_number+max_pool", "quantizer"),
    ("bias", "concat+slice_channels", "relu_quantizer_layer"),
    ("factors", "resize+split_channels", "quantizer_layer"),
    ("sum", "max_pool+concat", "layer"),
    ("hard_swish", "max_pool+depth_to_space", "relu_quantizer_layer"),
    ("bias_relu_batch_norm", "channels_last+flatten", "quantizer"),
]


@pytest.mark.parametrize(("index", "case"), list(enumerate([*EACH_MOVE, *PAIRS])))
def test_integers_are_those_of_onnxruntime(index, case, tmp_path):
    numerics = ("exact", "onnxruntime")[index % 2]
    assert outcome(case, numerics, tmp_path) == "equal"


@pytest.mark.parametrize(
    ("real", "moves"),
    [
        ("batch_norm", "max_pool"),
        ("bias_relu_batch_norm", "flatten"),
        ("hard_swish", "max_pool_padded"),
        ("quotients", "concat"),
        ("clip", "pad_with_number"),
        ("sum", "max_pool+channels_last"),
        ("gate", "depth_to_space_crd"),
        ("difference", "gather"),
    ],
)
def test_each_rounding_to_float32_stays_where_it_is(real, moves, tmp_path):
    assert not AVERAGES & set(moves.split("+"))
    proto = network(
        real, moves, "relu_quantizer_layer", round_scales=False, first_layer=False, seed=3
    )
    design = qcompiler.compile(save(proto, tmp_path), numerics="onnxruntime")
    wanted = onnxruntime_codes(proto, frames(60))
    np.testing.assert_array_equal(np.reshape(design.predict(frames(60)), wanted.shape), wanted)


SIMULATED = [
    ("batch_norm", "max_pool", "relu_quantizer_layer"),
    ("hard_swish", "max_pool_padded", "quantizer"),
    ("sum", "concat", "layer"),
    ("clip", "split_add", "layer"),
    ("bias_relu", "average_pool", "quantizer"),
]


@pytest.mark.parametrize("case", SIMULATED)
def test_verilog_has_the_same_integers(case, tmp_path):
    proto = network(*case)
    design = qcompiler.compile(save(proto, tmp_path), cycles=300)
    codes = design.quantize(frames(4))
    found, _ = design.simulate_core(codes, stall_probability_in=0.2, stall_probability_out=0.2)
    wanted = onnxruntime_codes(proto, frames(4))
    for got, core in zip(found, design.core(codes), strict=True):
        np.testing.assert_array_equal(got.reshape(core.shape), core)
    np.testing.assert_array_equal(np.reshape(design.dequantize(found)[0], wanted.shape), wanted)
