"""Activations of 16 bits: layers, sums and products compile, and are exact down to the Verilog."""

import subprocess
import sys
from fractions import Fraction

import numpy as np
import onnxruntime
import pytest
from onnx_models import model, node, save

import qcompiler

RANDOM = np.random.default_rng(16)
SCALES = {"sx": 0.000395, "sw": 0.00631, "sa": 0.00028, "sb": 0.00041, "ss": 0.00052, "sp": 0.0011}
ZEROS = {"zx": 32768, "za": 31000, "zb": 33001, "zs": 32005, "zp": 30001}


def pair(x, name):
    """Quantizes x to uint16 and back."""
    scale, zero = f"s{name}", f"z{name}"
    return [
        node("QuantizeLinear", [x, scale, zero], [f"{name}_q"]),
        node("DequantizeLinear", [f"{name}_q", scale, zero], [name]),
    ]


def gated_network():
    """p = s * b, s = a + b, a and b dense layers of x: all of uint16."""
    weights = RANDOM.integers(-127, 128, (2, 6, 4)).astype(np.int8)
    constants = {
        **{name: np.float32(value) for name, value in SCALES.items()},
        **{name: np.uint16(value) for name, value in ZEROS.items()},
        "wz": np.int8(0), "wa_q": weights[0], "wb_q": weights[1],
    }  # fmt: skip
    nodes = [
        *pair("input", "x"),
        node("DequantizeLinear", ["wa_q", "sw", "wz"], ["wa"]),
        node("DequantizeLinear", ["wb_q", "sw", "wz"], ["wb"]),
        node("MatMul", ["x", "wa"], ["xa"]),
        node("MatMul", ["x", "wb"], ["xb"]),
        *pair("xa", "a"),
        *pair("xb", "b"),
        node("Add", ["a", "b"], ["sum"]),
        *pair("sum", "s"),
        node("Mul", ["s", "b"], ["product"]),
        *pair("product", "p"),
    ]
    proto = model(nodes, constants, inputs={"input": (1, 6)}, outputs=["p"], opset=21)
    proto.ir_version = 10
    return proto, weights.astype(np.int64)


def rounded(values, name):
    """Quantizes fractions, exactly."""
    scale, zero = Fraction(float(np.float32(SCALES[f"s{name}"]))), ZEROS[f"z{name}"]
    codes = [min(max(round(value / scale) + zero, 0), 2**16 - 1) for value in values]
    return [(code - zero) * scale for code in codes], codes


def by_hand(codes, weights):
    """Returns the output codes of input codes, in fractions."""
    scale = {name: Fraction(float(np.float32(value))) for name, value in SCALES.items()}
    found = []
    for frame in codes - ZEROS["zx"]:
        sums = [(frame @ w).tolist() for w in weights]
        (a, _), (b, _) = (
            rounded([v * scale["sx"] * scale["sw"] for v in total], name)
            for total, name in zip(sums, "ab", strict=True)
        )
        s, _ = rounded([x + y for x, y in zip(a, b, strict=True)], "s")
        found.append(rounded([x * y for x, y in zip(s, b, strict=True)], "p")[1])
    return np.array(found)


@pytest.fixture(scope="module")
def gated(tmp_path_factory):
    proto, weights = gated_network()
    path = save(proto, tmp_path_factory.mktemp("gated"))
    return proto, weights, qcompiler.compile(path, cycles=8)


def test_layers_sums_and_products_of_16_bits_are_exact(gated):
    proto, weights, design = gated
    codes = RANDOM.integers(0, 2**16, (40, 6))
    codes[:4] = [[0] * 6, [2**16 - 1] * 6, [ZEROS["zx"]] * 6, [0, 2**16 - 1] * 3]
    x = ((codes - ZEROS["zx"]) * np.float64(np.float32(SCALES["sx"]))).astype(np.float32)
    wanted = by_hand(codes, weights)
    got = np.rint(design.predict(x) / np.float32(SCALES["sp"])) + ZEROS["zp"]
    np.testing.assert_array_equal(got, wanted)
    np.testing.assert_array_equal(design.simulate(x[:8]), design.predict(x[:8]))
    # The runtime computes in float32: an error of some 2**-24 of the number, on the way to a code.
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    runtime = np.concatenate([session.run(None, {"input": one[None]})[0] for one in x])
    steps = np.abs(np.rint(runtime / np.float32(SCALES["sp"])) + ZEROS["zp"] - wanted)
    assert steps.max() <= 2
    assert (steps > 0).mean() < 0.1


def test_no_form_compares_or_looks_up(gated):
    forms = {op.name for op in gated[2].levels["qint"].walk()}
    assert forms & {"qint.threshold", "qint.table", "qint.float_scale"} == set()


def test_what_is_exact_instead_is_said(gated):
    assert any("no integer kernel for 16-bit codes" in note for note in gated[2].notes)


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
from qcompiler.cli.main import main
sys.exit(main(["check", sys.argv[1]]))
"""


def test_two_gib_are_enough(tmp_path):
    """A gate has 2**32 pairs of operands, a layer 65,535 steps for each of its channels."""
    shape = (1, 32, 8, 8)
    constants = {
        "s": np.float32(9.25e-5), "z": np.uint16(31720), "g": np.float32(1 / 65535),
        "gz": np.uint16(0), "o": np.float32(0.000126), "oz": np.uint16(31806),
        "ws": np.float32(0.00227), "wz": np.uint8(124),
        "w": RANDOM.integers(0, 256, (64, 32, 1, 1)).astype(np.uint8),
    }  # fmt: skip
    nodes = [
        node("QuantizeLinear", ["input", "s", "z"], ["q"]),
        node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        node("Sigmoid", ["d"], ["sigmoid"]),
        node("QuantizeLinear", ["sigmoid", "g", "gz"], ["gate_q"]),
        node("DequantizeLinear", ["gate_q", "g", "gz"], ["gate"]),
        node("Mul", ["d", "gate"], ["product"]),
        node("QuantizeLinear", ["product", "o", "oz"], ["product_q"]),
        node("DequantizeLinear", ["product_q", "o", "oz"], ["gated"]),
        node("DequantizeLinear", ["w", "ws", "wz"], ["weights"]),
        node("Conv", ["gated", "weights"], ["conv"]),
        node("QuantizeLinear", ["conv", "o", "oz"], ["conv_q"]),
        node("DequantizeLinear", ["conv_q", "o", "oz"], ["y"]),
    ]
    proto = model(nodes, constants, inputs={"input": shape}, outputs=["y"], opset=21)
    path = save(proto, tmp_path)
    ran = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)], capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
