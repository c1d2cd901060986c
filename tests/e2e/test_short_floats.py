"""Models whose inputs or outputs are float16 or bfloat16, around a network in float."""

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, numpy_helper
from onnx_models import messages, model, node, save

import qcompiler
from qcompiler.interpreters import numpy_ops

F16, F32, I8 = np.float16, np.float32, np.int8
HALF, BRAIN, FLOAT = TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.FLOAT
NUMBERS = {"s": F32(0.0371), "z": I8(3), "ws": F32(0.1234), "wz": I8(0),
           "w": np.random.default_rng(1).integers(-9, 10, (4, 3)).astype(I8)}  # fmt: skip
DENSE = [node("QuantizeLinear", ["a", "s", "z"], ["q"]),
         node("DequantizeLinear", ["q", "s", "z"], ["d"]),
         node("DequantizeLinear", ["w", "ws", "wz"], ["wd"]),
         node("MatMul", ["d", "wd"], ["m"]), node("QuantizeLinear", ["m", "s", "z"], ["mq"]),
         node("DequantizeLinear", ["mq", "s", "z"], ["r"])]  # fmt: skip


def short(data_type, nodes=DENSE, **constants):
    """x of a type -> Cast to float -> nodes, from a to r -> Cast -> y of that type."""
    nodes = [node("Cast", ["x"], ["a"], to=FLOAT), *nodes, node("Cast", ["r"], ["y"], to=data_type)]
    proto = model(nodes, {**NUMBERS, **constants}, element=data_type, opset=19)
    proto.graph.output[0].type.tensor_type.elem_type = data_type
    return proto


def frames():
    return np.random.default_rng(2).normal(0, 1, (40, 4)).astype(F32)


def reference(proto, x):
    proto.ir_version = 9
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    return np.concatenate([session.run(None, {"x": frame[np.newaxis]})[0] for frame in x])


def test_float16_around_the_network(tmp_path):
    proto, x = short(HALF), frames()
    found = qcompiler.compile(save(proto, tmp_path), validate=True).predict(x)
    np.testing.assert_array_equal(found, reference(proto, x.astype(F16)).astype(F32))
    assert (found != found.astype(F32).astype(F16)).sum() == 0


def test_float16_into_the_quantizer(tmp_path):
    nodes = [node("QuantizeLinear", ["x", "h", "z"], ["q"]),
             node("DequantizeLinear", ["q", "s", "z"], ["d"]), *DENSE[2:],
             node("Identity", ["r"], ["y"])]  # fmt: skip
    proto, x = model(nodes, {**NUMBERS, "h": F16(0.0371)}, element=HALF, opset=19), frames()
    found = qcompiler.compile(save(proto, tmp_path)).predict(x)
    np.testing.assert_array_equal(found, reference(proto, x.astype(F16)))


@pytest.mark.parametrize("by_node", [False, True])
def test_dequantized_to_float16(tmp_path, by_node):
    stored = node("Constant", [], ["h"], value=numpy_helper.from_array(np.array(0.0371, F16)))
    nodes = [
        *([stored] if by_node else []),
        *DENSE[:-1],
        node("DequantizeLinear", ["mq", "h", "z"], ["y"]),
    ]
    scale = {} if by_node else {"h": F16(0.0371)}
    nodes = [node("Cast", ["x"], ["a"], to=FLOAT), *nodes]
    proto = model(nodes, {**NUMBERS, **scale}, element=HALF, opset=19)
    proto.graph.output[0].type.tensor_type.elem_type = HALF
    found = qcompiler.compile(save(proto, tmp_path)).predict(frames())
    np.testing.assert_array_equal(found, reference(proto, frames().astype(F16)).astype(F32))


def test_bfloat16_around_the_network(tmp_path):
    """The outputs are those of float, each rounded; onnxruntime's Python takes no bfloat16."""
    x = (frames().view(np.uint32) & 0xFFFF0000).view(F32)
    proto = short(BRAIN)
    found = qcompiler.compile(save(proto, tmp_path)).predict(x)
    plain = model([node("Identity", ["x"], ["a"]), *DENSE, node("Identity", ["r"], ["f"]),
                   node("Cast", ["f"], ["b"], to=BRAIN), node("Cast", ["b"], ["y"], to=FLOAT)],
                  NUMBERS, opset=19)  # fmt: skip
    np.testing.assert_array_equal(found, reference(plain, x))


def test_inputs_are_rounded_to_their_type(tmp_path):
    design = qcompiler.compile(save(short(HALF), tmp_path))
    x = np.float32([[65519.0, -1e-9, 1 + 2**-11, 2**-25]])
    nearest = np.float32([[65504.0, 0.0, 1.0, 0.0]])
    np.testing.assert_array_equal(design.predict(x), design.predict(nearest))


@pytest.mark.parametrize(
    ("data_type", "parameters"), [(HALF, (11, -24, 16)), (BRAIN, (8, -133, 128))]
)
def test_rounding_is_that_of_onnxruntime(data_type, parameters):
    rng = np.random.default_rng(3)
    x = rng.integers(0, 2**32, 5000, dtype=np.uint32).view(F32)
    x = np.concatenate([x[np.isfinite(x)], rng.normal(0, 1e-6, 999), [65519.99, 65520, -1e6, 3e38]])
    nodes = [node("Cast", ["x"], ["h"], to=data_type), node("Cast", ["h"], ["y"], to=FLOAT)]
    proto = model(nodes, inputs={"x": [x.size]}, opset=19)
    proto.ir_version = 9
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
    wanted = session.run(None, {"x": x.astype(F32)})[0]
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(numpy_ops.round_to(x.astype(F32), *parameters), wanted)


def test_arithmetic_in_float16_is_refused(tmp_path):
    softmax = model([node("Softmax", ["x"], ["y"])], element=HALF)
    assert messages(softmax, tmp_path) == [
        "y (ONNX Softmax): takes the float16 of 'x', where float is needed"
    ]
    add = model([node("Add", ["x", "c"], ["y"])], {"c": F16([1.5])}, element=HALF)
    assert messages(add, tmp_path) == [
        "y (ONNX Add): computes in float16, but only float is supported"
    ]


def layer(scale, before=(), after=()):
    """A quantized layer whose scales have a type, between casts."""
    inside, outside = ("xf", "yf") if before else ("x", "y")
    constants = {"s": scale(0.1), "ws": scale(0.01), "t": scale(0.2),
                 "z": np.int8(3), "zero": np.int8(0),
                 "w": np.arange(-6, 6, dtype=np.int8).reshape(3, 4)}  # fmt: skip
    nodes = [
        *before,
        node("QuantizeLinear", [inside, "s", "z"], ["q"]),
        node("DequantizeLinear", ["q", "s", "z"], ["a"]),
        node("DequantizeLinear", ["w", "ws", "zero"], ["wd"]),
        node("MatMul", ["a", "wd"], ["m"]),
        node("QuantizeLinear", ["m", "t", "z"], ["e"]),
        node("DequantizeLinear", ["e", "t", "z"], [outside]),
        *after,
    ]  # fmt: skip
    proto = model(nodes, constants, inputs={"x": [1, 3]}, element=HALF, opset=19)
    proto.graph.output[0].type.tensor_type.elem_type = HALF
    proto.ir_version = 9
    return proto


def test_a_network_of_float16_scales_is_told_what_compiles(tmp_path):
    path = save(layer(F16), tmp_path)
    with pytest.raises(qcompiler.ModelError) as refused:
        qcompiler.compile(path)
    (problem,) = refused.value.problems
    assert problem.where == "m (ONNX MatMul)"
    assert problem.remedy.startswith(
        "write the scales of DequantizeLinear and QuantizeLinear as fl"
    )
    casts = [node("Cast", ["x"], ["xf"], to=FLOAT)], [node("Cast", ["yf"], ["y"], to=HALF)]
    mended = layer(F32, *casts)
    x = np.random.default_rng(4).normal(0, 3, (50, 3)).astype(F16)
    session = onnxruntime.InferenceSession(mended.SerializeToString())
    wanted = np.concatenate([session.run(None, {"x": row[np.newaxis]})[0] for row in x])
    found = qcompiler.compile(save(mended, tmp_path)).predict(x.astype(F32))
    np.testing.assert_array_equal(found.astype(F16), wanted)
