"""Arithmetic on integer tensors: as onnxruntime computes it, or refused where it would wrap."""

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto
from onnx_models import imported, messages, model, names, node, problems, save

from qcompiler import pipelines
from qcompiler.dialects import qint
from qcompiler.frontends.onnx import import_onnx, parse_input_option
from qcompiler.interpreters import functions, run_model
from qcompiler.passes.pipeline import run_passes

I64, F32 = np.int64, np.float32
BYTES = dict([parse_input_option("x=int8:1")])


def casts(*nodes, to=TensorProto.INT64):
    """Nodes between a cast of x to integers, `i`, and one of their result `j` to float, `y`."""
    return [
        node("Cast", ["x"], ["i"], to=to),
        *nodes,
        node("Cast", ["j"], ["y"], to=TensorProto.FLOAT),
    ]


def assert_equals_onnxruntime(proto, folder, inputs=BYTES):
    """On all integers of a byte; before the passes and after, which leave one requantizer."""
    proto.ir_version = 10
    session = onnxruntime.InferenceSession(save(proto, folder).read_bytes())
    x = np.arange(-128, 128).astype(F32)
    (wanted,) = session.run(None, {"x": x[np.newaxis]})
    module = import_onnx(save(proto, folder), inputs=inputs)
    assert np.array_equal(run_model(module, [x[np.newaxis]])[0].reshape(wanted.shape), wanted)
    run_passes(module, pipelines.QINT)
    assert np.array_equal(run_model(module, [x[np.newaxis]])[0].reshape(wanted.shape), wanted)
    ops = [op for function in functions(module).values() for op in function.walk()]
    assert sum(isinstance(op, qint.RequantizerOp) for op in ops) == 1
    assert not any(op.name in ("nn.trunc", "nn.floor", "nn.round", "nn.ceil") for op in ops)


def wide(nodes, constants=None, opset=17):
    return model(nodes, constants, inputs={"x": [1, 256]}, opset=opset)


@pytest.mark.parametrize("divisor", [7, -7, 1, 128])
def test_division_truncates(tmp_path, divisor):
    nodes = casts(node("Mul", ["i", "m"], ["p"]), node("Div", ["p", "d"], ["j"]))
    constants = {"m": np.array([3], I64), "d": np.array(divisor, I64)}
    assert_equals_onnxruntime(wide(nodes, constants), tmp_path)


def test_cast_of_fractions_truncates(tmp_path):
    nodes = [node("Mul", ["x", "k"], ["f"]), node("Cast", ["f"], ["i"], to=TensorProto.INT32),
             node("Cast", ["i"], ["y"], to=TensorProto.FLOAT)]  # fmt: skip
    assert_equals_onnxruntime(wide(nodes, {"k": F32(-0.375)}), tmp_path)


@pytest.mark.parametrize("op", ["Floor", "Ceil", "Round"])
def test_rounding_to_integers(tmp_path, op):
    nodes = [node("Div", ["x", "k"], ["f"]), node(op, ["f"], ["r"]),
             node("Clip", ["r", "lo", "hi"], ["y"])]  # fmt: skip
    constants = {"k": F32(8), "lo": F32(-5), "hi": F32(11)}
    assert_equals_onnxruntime(wide(nodes, constants), tmp_path)


def test_clips_on_integers(tmp_path):
    nodes = casts(
        node("Sub", ["i", "m"], ["s"]),
        node("Div", ["s", "m"], ["d"]),
        node("Clip", ["d", "lo", "hi"], ["c"]),
        node("Max", ["c", "lo"], ["e"]),
        node("Relu", ["e"], ["j"]),
        to=TensorProto.INT32,
    )
    constants = {n: np.array(v, np.int32) for n, v in {"m": 5, "lo": -3, "hi": 17}.items()}
    assert_equals_onnxruntime(wide(nodes, constants), tmp_path)


def test_a_quantizer_written_out(tmp_path):
    """On a real input, which only the clip bounds."""
    nodes = [
        node("Div", ["x", "s"], ["a"]),
        node("Round", ["a"], ["b"]),
        node("Clip", ["b", "lo", "hi"], ["c"]),
        node("Cast", ["c"], ["q"], to=TensorProto.UINT8),
        node("DequantizeLinear", ["q", "s", "z"], ["y"]),
    ]
    constants = {"s": F32(0.5), "lo": F32(0), "hi": F32(255), "z": np.uint8(3)}
    module = imported(model(nodes, constants), tmp_path)
    (y,) = run_model(module, [np.array([[-1.0, 0.75, 1.0, 1e9]])])
    assert y.tolist() == [[[-1.5, -0.5, -0.5, 126.0]]]


MOVED = {
    "Concat": (["q", "q"], {"axis": 1}),
    "Slice": (["q", "from", "to"], {}),
    "Split": (["q"], {"axis": 1}),
    "Pad": (["q", "pads", "z"], {}),
    "Gather": (["q", "from"], {"axis": 1}),
    "Reshape": (["q", "shape"], {}),
    "Transpose": (["q"], {"perm": [0, 2, 1]}),
    "Flatten": (["q"], {}),
    "MaxPool": (["q"], {"kernel_shape": [2]}),
    "Relu": (["q"], {}),
    "Clip": (["q", "z", "high"], {}),
}


@pytest.mark.parametrize("op", MOVED)
def test_integers_between_quantizers_may_move(tmp_path, op):
    inputs, attributes = MOVED[op]
    outputs = ["r", "other"] if op == "Split" else ["r"]
    nodes = [
        node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        node(op, inputs, outputs, **attributes),
        node("DequantizeLinear", ["r", "s", "z"], ["y"]),
    ]
    constants = {"s": F32(0.5), "z": np.uint8(3), "high": np.uint8(9), "from": np.array([1]),
                 "to": np.array([3]), "pads": np.array([0, 0, 1, 0, 0, 1]),
                 "shape": np.array([16, 1])}  # fmt: skip
    graph = model(nodes, constants, inputs={"x": [2, 4, 2]}, opset=14)
    graph.ir_version = 10
    x = np.random.default_rng(0).normal(3, 5, (2, 4, 2)).astype(F32)
    if op in ("Relu", "Clip"):  # onnxruntime has no such kernel of uint8
        codes = np.clip(np.rint(x / F32(0.5)) + 3, 0, 255)
        wanted = (codes.clip(*((3, 9) if op == "Clip" else (0, 255))) - 3) * 0.5
    else:
        session = onnxruntime.InferenceSession(graph.SerializeToString())
        (wanted,) = session.run(None, {"x": x})
    frames = x[:, np.newaxis] if op == "MaxPool" else x[np.newaxis]  # of images, or of anything
    (found,) = run_model(imported(graph, tmp_path), [frames])
    assert np.array_equal(found.reshape(wanted.shape), wanted)


def test_what_may_wrap_around_is_refused(tmp_path):
    nodes = casts(node("Mul", ["i", "m"], ["j"]), to=TensorProto.INT16)
    graph = model(nodes, {"m": np.array(257, np.int16)})
    assert messages(graph, tmp_path, BYTES) == [
        "j (ONNX Mul): values in [-32896, 32639] may leave int16"
    ]
    small = model(nodes, {"m": np.array(256, np.int16)})
    assert messages(small, tmp_path, BYTES) == []


def test_unbounded_values_are_refused_once(tmp_path):
    nodes = casts(node("Mul", ["i", "m"], ["j"]))
    (problem,) = problems(model(nodes, {"m": np.array(2, I64)}), tmp_path)
    assert problem.where == "i (ONNX Cast)"
    assert problem.what == "nothing bounds the values, which may leave int64"
    assert "--input" in problem.remedy


def test_float32_that_may_round_bounds_nothing(tmp_path):
    """Under the numerics of onnxruntime a product beyond 2**24 is not known."""
    nodes = casts(node("Mul", ["i", "m"], ["j"]))
    graph = save(model(nodes, {"m": np.array(2**18, I64)}), tmp_path)
    import_onnx(graph, inputs=BYTES)
    with pytest.raises(Exception, match="nothing bounds the values"):
        import_onnx(graph, inputs=BYTES, numerics="onnxruntime")


def test_integers_do_not_mix_with_reals(tmp_path):
    nodes = [node("Cast", ["x"], ["i"], to=TensorProto.INT64), node("Add", ["i", "x"], ["y"])]
    assert messages(model(nodes), tmp_path, BYTES) == [
        "y (ONNX Add): tensor 'i' has elements of type int64, where reals are needed"
    ]
    nodes[1] = node("Sigmoid", ["i"], ["y"])
    assert "takes the integers of 'i'" in messages(model(nodes), tmp_path, BYTES)[0]


def test_a_cast_of_integers_computes_nothing(tmp_path):
    nodes = [*casts(node("Cast", ["i"], ["j"], to=TensorProto.INT32)), node("Round", ["y"], ["r"])]
    assert names(imported(model(nodes, outputs=["r"]), tmp_path, BYTES)) == ["nn.round"]
