"""TensorScatter: a row of a cache is written at a position that is an input."""

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
from onnx_models import F32, messages, model, node, save

import qcompiler
from qcompiler.errors import ModelError

CONSTANTS = {"s": F32(0.25), "z": np.uint8(7), "s2": F32(0.5), "w": np.eye(3, dtype=np.float32)}


def qdq(x, y, scale="s"):
    return [
        node("QuantizeLinear", [x, scale, "z"], [f"{y}_q"]),
        node("DequantizeLinear", [f"{y}_q", scale, "z"], [y]),
    ]


def cache(shape, axis, *, update=None, scale="s", position=TensorProto.INT64, places=("p", [])):
    """past, x -> quantizers -> TensorScatter -> quantizer -> times two."""
    name, moves = places
    written = [*shape]
    written[axis] = 1
    nodes = [
        *qdq("past", "before"),
        *qdq("x", "row", scale),
        *moves,
        node("TensorScatter", ["before", "row", name], ["present"], axis=axis),
        node("Add", ["present", "present"], ["twice"]),
        *qdq("twice", "y"),
    ]
    inputs = {"past": shape, "x": written if update is None else update}
    proto = model(nodes, CONSTANTS, inputs=inputs, outputs=["y", "present"], opset=24)
    proto.ir_version = 10
    proto.graph.input.append(helper.make_tensor_value_info("p", position, [1]))
    return proto


def by_reference(proto, frames, shape):
    session, past, made = ReferenceEvaluator(proto), np.zeros(shape, F32), []
    for x, place in frames:
        y, past = session.run(None, {"past": past, "x": x, "p": place})
        made.append(y)
    return np.array(made)


def check_hardware(design, integers):
    """The simulated Verilog makes what the interpreter does, under stalls."""
    chances = {"stall_probability_in": 0.3, "stall_probability_out": 0.3, "seed": 5}
    (made,), _ = design.simulate_core(integers, **chances)
    (want,) = design.core(integers)
    np.testing.assert_array_equal(made.reshape(want.shape), want)


@pytest.mark.simulation
@pytest.mark.parametrize(
    ("shape", "axis", "simulated"),
    [
        ((1, 2, 5, 3), 2, True),
        ((1, 4, 6), 1, False),
        ((1, 3, 4), -1, False),
        ((1, 2, 1, 4), 2, False),
    ],
    ids=str,
)
def test_rows_stay_where_they_were_written(shape, axis, simulated, tmp_path):
    proto = cache(list(shape), axis)
    places = shape[axis]
    random = np.random.default_rng(0)
    count = 40
    where = random.integers(0, places, (count, 1))
    written = [*shape]
    written[axis] = 1
    x = (random.integers(-20, 21, (count, *written)) / 8).astype(F32)
    wanted = by_reference(proto, zip(x, where, strict=True), shape)
    design = qcompiler.compile(save(proto, tmp_path), states={"past": "present"})
    got = design.predict({"x": x, "p": where})
    np.testing.assert_array_equal(np.reshape(got, wanted.shape), wanted)
    assert len(np.unique(wanted)) > 10
    if simulated:
        check_hardware(design, design.quantize({"x": x, "p": where}))
        assert 3 in {port.width_bits for port, _ in design.ports}  # five places


def test_a_place_beyond_the_cache_is_refused(tmp_path):
    design = qcompiler.compile(save(cache([1, 4, 6], 1), tmp_path), states={"past": "present"})
    x = np.zeros((1, 1, 1, 6), F32)
    for place in (-1, 4):
        with pytest.raises(ValueError, match="input p takes integers from 0 to 3"):
            design.predict({"x": x, "p": np.array([[place]])})


def test_a_place_that_was_moved_and_cast(tmp_path):
    moves = [
        node("Cast", ["p"], ["p64"], to=TensorProto.INT64),
        node("Unsqueeze", ["p64", "axis"], ["p2"]),
        node("Reshape", ["p2", "axis1"], ["p1"]),
    ]
    proto = cache([1, 4, 6], 1, position=TensorProto.INT32, places=("p1", moves))
    for name, value in (("axis", [0]), ("axis1", [1])):
        proto.graph.initializer.append(helper.make_tensor(name, TensorProto.INT64, [1], value))
    design = qcompiler.compile(save(proto, tmp_path), states={"past": "present"})
    with pytest.raises(ValueError, match="input p takes integers from 0 to 3"):
        design.predict({"x": np.zeros((1, 1, 1, 6), F32), "p": np.array([[4]])})


REFUSED = [
    (cache([2, 4, 6], 1), "a cache is written for one sequence at a time"),
    (cache([1, 4, 6], 0), "a cache is written for one sequence at a time"),
    (cache([1, 4, 6], 1, update=[1, 5, 6]), "writes 5 rows into a cache of 4"),
    (cache([1, 4, 6], 1, update=[1, 1, 5]), "does not fit [1, 4, 6] along axis 1"),
    (cache([1, 4, 6], 1, position=TensorProto.FLOAT), "'p' says places, which are integers"),
]


@pytest.mark.parametrize(("proto", "what"), REFUSED, ids=[case[1] for case in REFUSED])
def test_what_is_refused(proto, what, tmp_path):
    found = messages(proto, tmp_path)
    assert any(what in message for message in found), found


def test_arithmetic_on_a_place_leaves_it_unbounded(tmp_path):
    moves = [node("Add", ["p", "one"], ["p1"]), node("Cast", ["p1"], ["p2"], to=TensorProto.INT64)]
    proto = cache([1, 4, 6], 1, places=("p2", moves))
    proto.graph.initializer.append(helper.make_tensor("one", TensorProto.INT64, [1], [1]))
    found = messages(proto, tmp_path)
    assert any("int64" in message for message in found), found


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"scale": "s2"}, "what is written has another scale than the cache"),
        ({"update": [1, 2, 6]}, "more than one row is written in a frame"),
    ],
)
def test_what_no_hardware_is_built_for(options, what, tmp_path):
    path = save(cache([1, 4, 6], 1, **options), tmp_path)
    with pytest.raises(ModelError, match=what):
        qcompiler.compile(path, states={"past": "present"})


def hidden(compare, *, swapped=False, added=False, low=-np.inf):
    """x -> quantizer, scores that a place leaves out -> softmax -> quantizer -> product.

    Args:
        compare: the operation on the place and on those of the scores.
        swapped: the scores come where the condition is false.
        added: the mask is chosen, and added to the scores.
        low: what stands in place of the scores, or is added.
    """
    scores, never = ("zero", "never") if added else ("row", "never")
    chosen = [never, scores] if swapped else [scores, never]
    nodes = [
        *qdq("x", "row"),
        node(compare, ["p", "spread"], ["filled"]),
        node("Where", ["filled", *chosen], ["chosen"]),
        *([node("Add", ["row", "chosen"], ["masked"])] if added else []),
        node("Softmax", ["masked" if added else "chosen"], ["soft"], axis=-1),
        node("QuantizeLinear", ["soft", "t", "z0"], ["soft_q"]),
        node("DequantizeLinear", ["soft_q", "t", "z0"], ["soft_r"]),
        node("Gather", ["table", "p"], ["read"], axis=0),
        node("MatMul", ["soft_r", "w_r"], ["product"]),
        node("Add", ["product", "read"], ["sum"]),
        *qdq("sum", "y", "s3"),
    ]
    nodes = [
        node("DequantizeLinear", ["table_q", "s", "zw"], ["table"]),
        node("DequantizeLinear", ["w_q", "s2", "zw"], ["w_r"]),
        *nodes,
    ]
    random = np.random.default_rng(0)
    constants = {
        **CONSTANTS, "spread": np.arange(5), "never": F32(low), "zero": F32(0), "zw": np.int8(0),
        "t": F32(1 / 256), "z0": np.uint8(0), "s3": F32(1 / 16),
        "table_q": random.integers(-4, 5, (5, 3)).astype(np.int8),
        "w_q": random.integers(-9, 10, (5, 3)).astype(np.int8),
    }  # fmt: skip
    proto = model(nodes, constants, inputs={"x": [1, 2, 5]}, opset=23)
    proto.ir_version = 10
    proto.graph.input.append(helper.make_tensor_value_info("p", TensorProto.INT64, [1]))
    return proto


def slow(*case):
    return pytest.param(*case, marks=pytest.mark.sweep)


@pytest.mark.simulation
@pytest.mark.parametrize(
    ("compare", "options", "simulated"),
    [
        ("LessOrEqual", {"added": True, "low": -1e9}, False),
        slow("GreaterOrEqual", {}, True),
        slow("Less", {"swapped": True}, True),
        slow("Greater", {"swapped": True, "added": True}, False),
    ],
    ids=str,
)
def test_scores_are_left_out_by_a_place(compare, options, simulated, tmp_path):
    path = save(hidden(compare, **options), tmp_path)
    design = qcompiler.compile(path, cycles=100)
    random = np.random.default_rng(1)
    x, p = random.normal(size=(20, 1, 2, 5)).astype(F32) * 3, random.integers(0, 5, (20, 1))
    session = ReferenceEvaluator(str(path))
    wanted = [session.run(None, {"x": a, "p": b})[0] for a, b in zip(x, p, strict=True)]
    got = design.predict({"x": x, "p": p})
    np.testing.assert_array_equal(np.reshape(got, np.shape(wanted)), wanted)
    assert len(np.unique(wanted)) > 10
    if simulated:
        check_hardware(design, design.quantize({"x": x, "p": p}))


@pytest.mark.parametrize("compare", ["Less", "Greater"])
def test_a_place_that_leaves_out_a_whole_row_is_refused(compare, tmp_path):
    with pytest.raises(ModelError, match="a mask leaves out every element of a row"):
        qcompiler.compile(save(hidden(compare), tmp_path))


def test_comparisons_of_reals_are_refused(tmp_path):
    proto = hidden("Less")
    compared = next(node for node in proto.graph.node if node.op_type == "Less")
    compared.input[0] = "row"
    found = messages(proto, tmp_path)
    assert any("filled (ONNX Less): " in message for message in found), found
