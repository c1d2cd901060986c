"""States of ONNX models: outputs left for inputs of the next frame, in Python and in hardware."""

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx_models import model, node, quant, save

import qcompiler
from qcompiler.cli.main import main
from qcompiler.errors import ModelError

RNG = np.random.default_rng(0)
WX, WH = RNG.integers(-3, 4, (4, 3)), RNG.integers(-3, 4, (3, 3))
SCALE = {"q_scale": np.float32(0.5), "q_zero": np.float32(0), "q_bits": np.float32(4)}


def cell(tmp_path, *, quantized=True):
    """An Elman cell: h' = relu(x Wx + h Wh) of 4 bits, and y = h' of the same."""
    nodes = [
        quant("x", "qx"),
        quant("h", "qh") if quantized else node("Identity", ["h"], ["qh"]),
        node("MatMul", ["qx", "wx"], ["a"]),
        node("MatMul", ["qh", "wh"], ["b"]),
        node("Add", ["a", "b"], ["s"]),
        node("Relu", ["s"], ["r"]),
        quant("r", "y"),
        node("Identity", ["y"], ["h_out"]),
    ]
    weights = {"wx": (WX * 0.25).astype(np.float32), "wh": (WH * 0.25).astype(np.float32)}
    quantizers = [
        node("Quant", [f"{w}_raw", "w_scale", "q_zero", "q_bits"], [w], domain=nodes[0].domain,
             signed=1, narrow=0)
        for w in weights
    ]  # fmt: skip
    constants = {**SCALE, "w_scale": np.float32(0.25)}
    constants |= {f"{name}_raw": value for name, value in weights.items()}
    proto = model(
        [*quantizers, *nodes], constants, inputs={"h": [1, 3], "x": [1, 4]}, outputs=["y", "h_out"]
    )
    return save(proto, tmp_path)


def expected(codes):
    """The cell in integers: products of scale 1/8, codes of scale 1/2."""
    h, made = np.zeros(3, np.int64), []
    for x in codes:
        sums = np.maximum(x @ WX + h @ WH, 0) / 4
        h = np.clip(np.rint(sums), -8, 7).astype(np.int64)
        made.append(h)
    return np.array(made)


@pytest.fixture(scope="module")
def design(tmp_path_factory):
    path = cell(tmp_path_factory.mktemp("cell"))
    return qcompiler.compile(path, states={"h": "h_out"}, validate=True)


def test_a_thousand_steps_equal_arithmetic_by_hand(design):
    codes = np.random.default_rng(1).integers(-8, 8, (1000, 4))
    session = design.session()
    made = [session.predict(part * 0.5) for part in np.split(codes, 4)]
    np.testing.assert_array_equal(np.concatenate(made) / 0.5, expected(codes))
    assert len(np.unique(expected(codes))) > 6
    assert design.names("inputs") == ["x"]


@pytest.mark.simulation
def test_the_cell_in_hardware(design):
    codes = np.random.default_rng(2).integers(-8, 8, (200, 4))
    restart = np.zeros((200, 1), np.int64)
    restart[120] = 1
    wanted = np.concatenate([expected(codes[:120]), expected(codes[120:])])
    chances = {"stall_probability_in": 0.3, "stall_probability_out": 0.3, "seed": 5}
    (made,), result = design.simulate_core([codes, restart], **chances)
    np.testing.assert_array_equal(made.reshape(wanted.shape), wanted)
    assert not result.tlast_errors


@pytest.mark.parametrize(
    ("states", "what"),
    [
        ({"g": "h_out"}, "the model has no input 'g'"),
        ({"h": "g"}, "the model has no output 'g'"),
        ({"x": "y"}, "its shapes differ"),
        ({"h": "h_out", "x": "h_out"}, "one output is left to several inputs"),
    ],
)
def test_pairs_that_are_no_state(tmp_path, states, what):
    with pytest.raises(ModelError, match=what):
        qcompiler.compile(cell(tmp_path), states=states)


def typed(read, left):
    """h of integers is read by a sum with x; what is left has another type of integers perhaps."""
    nodes = [
        node("QuantizeLinear", ["x", "s", "zu"], ["x_q"]),
        node("DequantizeLinear", ["x_q", "s", "zu"], ["xr"]),
        node("DequantizeLinear", ["h", "s", f"z{read}"], ["hr"]),
        node("Add", ["xr", "hr"], ["sum"]),
        node("QuantizeLinear", ["sum", "s", f"z{left}"], ["h_out"]),
        node("DequantizeLinear", ["h_out", "s", f"z{left}"], ["y"]),
    ]
    constants = {"s": np.float32(0.5), "zu": np.uint8(9), "zi": np.int8(9), "zw": np.int16(9)}
    proto = model(nodes, constants, inputs={"x": [1, 3]}, outputs=["y", "h_out"], opset=21)
    kinds = {"u": TensorProto.UINT8, "i": TensorProto.INT8, "w": TensorProto.INT16}
    proto.graph.input.append(helper.make_tensor_value_info("h", kinds[read], [1, 3]))
    proto.graph.output[1].type.tensor_type.elem_type = kinds[left]
    return proto


@pytest.mark.parametrize(
    ("read", "left", "what"),
    [
        ("i", "u", "it holds -128 to 127, but 0 to 255 is left to it"),
        ("u", "w", "it holds 0 to 255, but -32768 to 32767 is left to it"),
    ],
)
def test_a_pair_of_unequal_types(read, left, what, tmp_path):
    with pytest.raises(ModelError, match=what) as caught:
        qcompiler.compile(save(typed(read, left), tmp_path), states={"h": "h_out"})
    assert "leave integers of the type that is read" in str(caught.value)


def test_a_pair_of_one_type_of_integers(tmp_path):
    design = qcompiler.compile(save(typed("u", "u"), tmp_path), states={"h": "h_out"})
    made = design.predict(np.full((4, 1, 3), 2.0, np.float32))
    np.testing.assert_array_equal(made[:, 0], [2, 4, 6, 8])


def test_a_state_in_floating_point_is_told_where_to_quantize(tmp_path):
    with pytest.raises(ModelError, match="put a quantizer right behind the input"):
        qcompiler.compile(cell(tmp_path, quantized=False), states={"h": "h_out"})


def test_the_command_line_takes_states_and_the_design_tells_them(tmp_path, capsys):
    path = cell(tmp_path)
    words = ["compile", str(path), "--state", "h=h_out", "-o", str(tmp_path / "out")]
    assert main(words) == 0
    assert "--state h=h_out" in (tmp_path / "out" / "design.json").read_text()
    driver = (tmp_path / "out" / "driver" / "driver.py").read_text()
    assert "KEEPS_STATE = True" in driver
    capsys.readouterr()
