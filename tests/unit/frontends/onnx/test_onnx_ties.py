"""Where codes differ from a runtime in floating point, the real result lies next to a half.

Each difference is traced: the integers before the rounding are equal, and the exact quotient is
nearer to a half between two codes than float32 can tell.
"""

from fractions import Fraction

import numpy as np
import onnxruntime
import pytest
from onnx_models import model, node, save

import qcompiler

F32 = np.float32


def fraction(number):
    return Fraction(float(F32(number)))


def runtime(proto, inputs):
    proto.ir_version = 10
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
    count = len(next(iter(inputs.values())))
    frames = ({name: x[i][np.newaxis] for name, x in inputs.items()} for i in range(count))
    return np.concatenate([session.run(None, frame)[0] for frame in frames])


def off_half(quotient):
    """The distance of a quotient to the nearest half between two codes, relative to itself."""
    return abs(quotient - (quotient.__floor__() + Fraction(1, 2))) / max(abs(quotient), 1)


def test_gate_of_round_scales(tmp_path):
    """0.02 * 0.03 / 0.06 is 0.01 in float32: products of 50, 150, ... codes are ties there.

    The three float32 scales are not round: exact arithmetic rounds them to one side.
    """
    scales, zeros = {"as": 0.02, "bs": 0.03, "ys": 0.06}, {"az": 128, "bz": 120, "yz": 128}
    constants = {name: F32(v) for name, v in scales.items()}
    constants |= {name: np.uint8(v) for name, v in zeros.items()}
    nodes = [
        *(node("DequantizeLinear", [f"{n}q", f"{n}s", f"{n}z"], [n]) for n in "ab"),
        node("Mul", ["a", "b"], ["m"]), node("QuantizeLinear", ["m", "ys", "yz"], ["y"]),
    ]  # fmt: skip
    proto = model(nodes, constants, inputs={"aq": [1, 256], "bq": [1, 256]}, element=2)
    proto.graph.output[0].type.tensor_type.elem_type = 2
    codes = np.arange(256, dtype=np.uint8)
    pairs = dict(zip(("aq", "bq"), np.meshgrid(codes, codes, indexing="ij"), strict=True))
    wanted = runtime(proto, pairs).astype(int)
    path = save(proto, tmp_path)
    same = qcompiler.compile(path, numerics="onnxruntime").predict(pairs)
    np.testing.assert_array_equal(np.reshape(same, wanted.shape), wanted)
    exact = np.reshape(qcompiler.compile(path, numerics="exact").predict(pairs), wanted.shape)
    a, b = pairs["aq"].astype(int) - 128, pairs["bq"].astype(int) - 120
    gain = fraction(0.02) * fraction(0.03) / fraction(0.06)
    different = np.argwhere(exact != wanted)
    assert len(different) > 100
    for i, j in different:
        product = int(a[i, j] * b[i, j])
        assert product % 100 == 50
        assert off_half(product * gain) < Fraction(1, 2**23)
        code = round(product * gain) + 128
        assert exact[i, j] == min(max(code, 0), 255)


@pytest.mark.parametrize("side", ["left", "right"])
def test_products_with_weights(side, tmp_path):
    """The runtime adds float32 products; ours are integers, times one float32 factor."""
    random = np.random.default_rng(5)
    weights = random.integers(-127, 128, (5, 3) if side == "left" else (3, 5)).astype(np.int8)
    constants = {
        "w": weights, "ws": F32(0.01), "z": np.int8(0), "xs": F32(0.03), "xz": np.int8(5),
        "ys": F32(0.05), "yz": np.int8(1),
    }  # fmt: skip
    operands = ["wd", "x"] if side == "left" else ["x", "wd"]
    nodes = [
        node("DequantizeLinear", ["w", "ws", "z"], ["wd"]),
        node("DequantizeLinear", ["xq", "xs", "xz"], ["x"]),
        node("MatMul", operands, ["m"]), node("QuantizeLinear", ["m", "ys", "yz"], ["y"]),
    ]  # fmt: skip
    shape = [1, 3, 4] if side == "left" else [1, 4, 3]
    proto = model(nodes, constants, inputs={"xq": shape}, element=3)
    proto.graph.output[0].type.tensor_type.elem_type = 3
    x = random.integers(-128, 128, (4000, *shape[1:])).astype(np.int8)
    wanted = runtime(proto, {"xq": x}).astype(int)
    got = np.reshape(qcompiler.compile(save(proto, tmp_path)).predict(x), wanted.shape)
    centred, held = x.astype(int) - 5, weights.astype(int)
    sums = held @ centred if side == "left" else centred @ held
    factor = F32(F32(F32(0.03) * F32(0.01)) / F32(0.05))
    ours = np.clip(np.rint(sums.astype(F32) * factor) + 1, -128, 127)
    np.testing.assert_array_equal(got, ours)
    gain = fraction(0.01) * fraction(0.03) / fraction(0.05)
    different = np.argwhere(got != wanted)
    assert 0 < len(different) < 2e-3 * got.size
    for at in map(tuple, different):
        assert off_half(int(sums[at]) * gain) < Fraction(1, 2**22)
