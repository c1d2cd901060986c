"""Normalizations that are written out, quotients and copies of activations: runtime and Verilog."""

import numpy as np
import pytest
from onnx_models import model, node, save
from transformer_models import CONSTANTS, F32, U8, qdq, runtime

import qcompiler
from qcompiler.dialects import stream

NUMBERS = {
    "two": F32(2), "half": F32(-0.5), "one": F32(1), "small": F32(2**-8), "last": np.array([-1]),
    "gain": F32(np.arange(8) / 4 - 1), "shift": F32(np.arange(8) / 8),
}  # fmt: skip
ROOT = [
    node("Add", ["m", "small"], ["v"]),
    node("Sqrt", ["v"], ["r"]),
]


def built(nodes, x=(1, 4, 8), **constants):
    """Quantized x -> nodes, from xr to n -> quantized -> a product with weights -> quantized."""
    weights = np.random.default_rng(1).integers(-60, 60, (8, 8)).astype(np.int8)
    every = [
        *qdq("x", "xr", "s1", "z1"),
        *nodes,
        *qdq("n", "nr", "s3", "z3"),
        node("DequantizeLinear", ["w", "s2", "zw"], ["wr"]),
        node("MatMul", ["nr", "wr"], ["p"]),
        *qdq("p", "y", "s3", "z3"),
    ]
    proto = model(every, CONSTANTS | NUMBERS | {"w": weights} | constants, inputs={"x": list(x)})
    proto.ir_version = 10
    return proto


def compared(proto, folder, cycles=512):
    """Compiles; all codes are the runtime's. Returns the design and frames."""
    path = save(proto, folder)
    shape = [d.dim_value for d in proto.graph.input[0].type.tensor_type.shape.dim]
    x = np.random.default_rng(2).normal(size=(30, *shape)).astype(F32)
    x[0] = 0
    design = qcompiler.compile(path, cycles=cycles, validate=True)
    wanted = runtime(path, x)
    assert len(np.unique(wanted)) > 20
    np.testing.assert_array_equal(np.reshape(design.predict({"x": x}), wanted.shape), wanted)
    return design, x


def simulated(design, folder, x):
    """The Verilog with stalls makes the interpreter's integers."""
    integers = design.quantize({"x": x[:5]})
    stalls = {"stall_probability_in": 0.3, "stall_probability_out": 0.3}
    got, _ = design.simulate_rtl(
        design.rtl_design(folder), integers, tool="verilator", **stalls
    )  # fmt: skip
    for want, have in zip(design.core(integers), got, strict=True):
        np.testing.assert_array_equal(want.reshape(have.shape), have)


def written_out(centered, inverse, power):
    """A normalization as torch writes it: of opset 13, or of a module of the user's own."""
    rows = "d" if centered else "xr"
    square = [rows, "two"] if power == "Pow" else [rows, rows]
    return [
        *([node("ReduceMean", ["xr"], ["mean"], axes=[-1]), node("Sub", ["xr", "mean"], ["d"])]
          if centered else []),
        node(power, square, ["sq"]),
        node("ReduceMean", ["sq"], ["m"], axes=[-1]),
        *ROOT,
        *([node("Div", ["one", "r"], ["i"]), node("Mul", [rows, "i"], ["u"])] if inverse == "Div"
          else [node("Reciprocal", ["r"], ["i"]), node("Mul", ["i", rows], ["u"])] if inverse
          else [node("Div", [rows, "r"], ["u"])]),
        node("Mul", ["gain", "u"], ["g"]),
        node("Add", ["g", "shift"], ["n"]),
    ]  # fmt: skip


@pytest.mark.simulation
@pytest.mark.parametrize(
    ("centered", "inverse", "power"),
    [(False, "Div", "Pow"), (True, "", "Mul"), (False, "Reciprocal", "Mul")],
)
def test_a_normalization_that_is_written_out(centered, inverse, power, tmp_path):
    """It is as exact as one in one node: no number between the quantizers is rounded."""
    design, x = compared(built(written_out(centered, inverse, power)), tmp_path)
    (root,) = (
        process
        for process in design.network.processes
        if isinstance(process, stream.FormulaOp) and "sqrt" in process.text.data
    )
    assert len(root.inputs) == 2 + centered  # codes, the sum of their squares, and their sum
    simulated(design, tmp_path / "rtl", x)


@pytest.mark.simulation
def test_a_normalization_with_quantizers_inside(tmp_path):
    """As quantize_static leaves it: the mean, the sum and the reciprocal are codes, 0 is one."""
    nodes = [
        node("Pow", ["xr", "two"], ["sq"]),
        node("ReduceMean", ["sq"], ["mr"], axes=[-1]),
        *qdq("mr", "m", "s1", "z4"),
        node("Add", ["m", "small"], ["ve"]),
        *qdq("ve", "v", "s1", "z4"),
        node("Sqrt", ["v"], ["r"]),
        node("Div", ["one", "r"], ["i"]),
        *qdq("i", "ir", "s3", "z4"),
        node("Mul", ["xr", "ir"], ["n"]),
    ]
    design, x = compared(built(nodes), tmp_path)
    simulated(design, tmp_path / "rtl", x)


def quotient(divisor, zero):
    """The activation divided by another one, whose zero point says what signs it has."""
    return [
        *divisor,
        *qdq("d", "dr", "s1", zero),
        node("Div", ["xr", "dr"], ["n"]),
    ]


SECOND = [
    node("DequantizeLinear", ["v", "s2", "zw"], ["vr"]),
    node("MatMul", ["xr", "vr"], ["d"]),
]


@pytest.mark.simulation
@pytest.mark.parametrize(
    ("divisor", "zero"),
    [(SECOND, "z4"), (SECOND, "z1"), ([node("ReduceMean", ["xr"], ["d"], axes=[-1])], "z1")],
    ids=["positive", "signed", "of a row"],
)
def test_a_quotient_of_two_activations(divisor, zero, tmp_path):
    """Also by codes of 0: what is infinite has the highest or lowest code, 0 / 0 the lowest."""
    weights = np.random.default_rng(3).integers(-60, 60, (8, 8)).astype(np.int8)
    design, x = compared(built(quotient(divisor, zero), v=weights), tmp_path)
    assert any("a quotient of activations at" in note for note in design.notes)
    simulated(design, tmp_path / "rtl", x)


def test_a_quotient_on_a_common_grid(tmp_path):
    """x / (mean + 1): the divisor is a line of codes."""
    nodes = [
        node("ReduceMean", ["xr"], ["mr"], axes=[-1]),
        *qdq("mr", "m", "s1", "z1"),
        node("Add", ["m", "one"], ["d"]),
        node("Div", ["xr", "d"], ["n"]),
    ]
    compared(built(nodes), tmp_path)


COPIES = {
    "of each head": (
        [
            node("Reshape", ["xr", "split"], ["a"]),
            node("Tile", ["a", "times"], ["b"]),
            node("ReduceMean", ["b"], ["n"], axes=[1], keepdims=0),
        ],
        {"split": np.array([1, 4, 1, 8]), "times": np.array([1, 1, 3, 1])},
    ),
    "one after the other": (
        [node("Tile", ["xr", "times"], ["t"]), node("Slice", ["t", "a", "b", "last"], ["n"])],
        {"times": np.array([1, 2, 2]), "a": np.array([4]), "b": np.array([12])},
    ),
    "to a shape": (
        [
            node("Unsqueeze", ["xr", "first"], ["u"]),
            node("Expand", ["u", "shape"], ["e"]),
            node("Reshape", ["e", "rows"], ["n"]),
        ],
        {
            "first": np.array([2]), "shape": np.array([1, 1, 3, 1]), "rows": np.array([1, 12, 8])
        },
    ),
}  # fmt: skip


@pytest.mark.simulation
@pytest.mark.parametrize("kind", COPIES)
def test_copies_of_activations(kind, tmp_path):
    nodes, constants = COPIES[kind]
    design, x = compared(built(nodes, **constants), tmp_path)
    simulated(design, tmp_path / "rtl", x)


@pytest.mark.parametrize("exponent", [-0.5, -1, 0.5, 3])
def test_a_power_of_constants_is_a_number(exponent, tmp_path):
    nodes = [
        node("Pow", ["eight", "e"], ["f"]),
        *qdq("f", "fr", "s1", "z4"),
        node("Mul", ["xr", "fr"], ["n"]),
    ]
    compared(built(nodes, eight=F32(2.2), e=F32(exponent)), tmp_path)


@pytest.mark.parametrize("exponent", [-1, 3, 1])
def test_a_power_of_an_activation_is_products(exponent, tmp_path):
    nodes = [node("Relu", ["xr"], ["a"]), node("Add", ["a", "one"], ["b"]),
             node("Pow", ["b", "e"], ["n"])]  # fmt: skip
    compared(built(nodes, e=F32(exponent)), tmp_path)


def test_zero_points_of_the_quotients_are_read(tmp_path):
    proto = built(quotient(SECOND, "z1"), v=np.full((8, 8), 3, np.int8), z3=U8(7))
    compared(proto, tmp_path)
