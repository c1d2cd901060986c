"""Constants behind quantizers, in every form that exporters write, have onnxruntime's integers."""

import numpy as np
import onnxruntime
import pytest
from onnx_models import model, node, save

import qcompiler

F32, I8, U8 = np.float32, np.int8, np.uint8
SHARED = {"xs": F32(0.25), "xz": I8(0), "lo": I8(-7), "hi": I8(7), "ws": F32(0.125), "ys": F32(0.5),
          "yz": U8(0), "ks": F32(0.05), "kz": U8(3), "qs": F32(0.25), "qz": I8(7)}  # fmt: skip
ACTIVATION = [node("QuantizeLinear", ["x", "xs", "xz"], ["xq"]),
              node("Clip", ["xq", "lo", "hi"], ["xc"]),
              node("DequantizeLinear", ["xc", "xs", "xz"], ["a"])]  # fmt: skip


def output(of="m"):
    return [node("Relu", [of], ["r"]), node("QuantizeLinear", ["r", "ys", "yz"], ["yq"]),
            node("DequantizeLinear", ["yq", "ys", "yz"], ["y"])]  # fmt: skip


def floats(*shape):
    return np.random.default_rng(5).normal(0, 0.5, shape).astype(F32)


def integers(*shape, dtype=I8):
    limits = np.iinfo(dtype)
    return np.random.default_rng(6).integers(limits.min, limits.max, shape, dtype, endpoint=True)


def dense(*weights, constants):
    nodes = [*ACTIVATION, *weights, node("MatMul", ["a", "wd"], ["m"]), *output()]
    return model(nodes, {**SHARED, **constants}, inputs={"x": [1, 6]}, opset=13)


def quantized(name="w", **attributes):
    return node("QuantizeLinear", [name, "ws", "xz"], ["wq"], **attributes)


def real(of, scale="ws", zero="xz", to="wd", **attributes):
    return node("DequantizeLinear", [of, scale, zero], [to], **attributes)


def joined(*parts, constants, rank=2):
    """Codes joined with a constant along channels, then quantized."""
    shape = [1, 2, 4, 4] if rank == 4 else [1, 6]
    names = [{"a": "a"}.get(part, "k") for part in parts]
    nodes = [*ACTIVATION, *constants[0], node("Concat", names, ["m"], axis=1), *output()]
    return model(nodes, {**SHARED, **constants[1]}, inputs={"x": shape}, opset=13)


CLIP = node("Clip", ["wq", "lo", "hi"], ["wc"])
CONSTANT = [real("c", "ks", "kz", "k")]
MODELS = {
    "float weights": dense(quantized(), real("wq"), constants={"w": floats(6, 4)}),
    "float weights, clipped": dense(quantized(), CLIP, real("wc"), constants={"w": floats(6, 4)}),
    "integer weights, clipped": dense(node("Clip", ["w", "lo", "hi"], ["wc"]), real("wc"),
                                      constants={"w": integers(6, 4)}),
    "float weights per channel, clipped": dense(
        node("QuantizeLinear", ["w", "cs", "cz"], ["wq"], axis=1), CLIP,
        real("wc", "cs", "cz", axis=1),
        constants={"w": floats(6, 4), "cs": F32([0.125, 0.1, 0.3, 0.25]), "cz": np.zeros(4, I8)}),
    "quantized, transposed, clipped": dense(
        quantized(), node("Transpose", ["wq"], ["wt"]), node("Clip", ["wt", "lo", "hi"], ["wc"]),
        real("wc"), constants={"w": floats(4, 6)}),
    "quantized twice": dense(real("w", "xs", "xz", "w1"), quantized("w1"), real("wq"),
                             constants={"w": integers(6, 4)}),
    "quantized after arithmetic": dense(
        node("Div", ["w", "three"], ["v"]), quantized("v"), CLIP, real("wc"),
        constants={"w": floats(6, 4), "three": F32(3)}),
    "weights joined": dense(real("w", to="w1"), real("v", "qs", to="w2"),
                            node("Concat", ["w1", "w2"], ["wd"], axis=1),
                            constants={"w": integers(6, 2), "v": integers(6, 3)}),
    "joined with constant channels": joined(
        "a", "k", rank=4, constants=(CONSTANT, {"c": integers(1, 1, 4, 4, dtype=U8)})),
    "a constant before and behind": joined(
        "k", "a", "k", "a", constants=(CONSTANT, {"c": integers(1, 2, dtype=U8)})),
    "a float constant": joined("a", "k", constants=([], {"k": F32([[0.3, -7, 90.0]])})),
}  # fmt: skip


def expected(proto, x):
    proto.ir_version = 8
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
    return np.concatenate([session.run(None, {"x": frame[np.newaxis]})[0] for frame in x])


def frames(proto, count=60):
    dims = proto.graph.input[0].type.tensor_type.shape.dim
    x = np.random.default_rng(7).uniform(-3, 3, (count, *(d.dim_value for d in dims[1:])))
    return np.concatenate([x, [np.full(x.shape[1:], v) for v in (-90, 90, 0)]]).astype(F32)


@pytest.mark.parametrize("name", MODELS)
def test_equals_onnxruntime(tmp_path, name):
    proto = MODELS[name]
    x = frames(proto)
    design = qcompiler.compile(save(proto, tmp_path))
    np.testing.assert_array_equal(design.predict(x), expected(proto, x))


def test_codes_joined_with_a_constant_of_their_scale_go_into_a_layer(tmp_path):
    """No quantizer follows; the joined integers are those of the model."""
    nodes = [
        *ACTIVATION, real("c", "xs", "xz", "k"), node("Concat", ["a", "k"], ["j"], axis=1),
        real("w"), node("MatMul", ["j", "wd"], ["m"]), *output(),
    ]  # fmt: skip
    constants = {**SHARED, "c": I8([[5, -3]]), "w": integers(8, 4)}
    proto = model(nodes, constants, inputs={"x": [1, 6]}, opset=13)
    x = frames(proto)
    design = qcompiler.compile(save(proto, tmp_path))
    np.testing.assert_array_equal(design.predict(x), expected(proto, x))
    np.testing.assert_array_equal(design.simulate(x[:12]), design.predict(x[:12]))


@pytest.mark.parametrize("opset", [13, 17, 21])
@pytest.mark.parametrize("kind", ["Clip", "Pad"])
def test_bounds_and_padding_behind_quantizers(tmp_path, opset, kind):
    bounds = [node("QuantizeLinear", ["low", "ks", "kz"], ["l"]), real("l", "ks", "kz", "ld"),
              real("top", "ks", "kz", "hd")]  # fmt: skip
    inner = (
        node("Clip", ["a", "ld", "hd"], ["m"])
        if kind == "Clip"
        else node("Pad", ["a", "pads", "pd"], ["m"])
    )
    constants = {**SHARED, "low": F32(0.1), "top": U8(40), "pads": np.array([0, 1, 0, 2]),
                 "p": I8(3)}  # fmt: skip
    nodes = [*ACTIVATION, *bounds, real("p", "xs", "xz", "pd"), inner, *output()]
    proto = model(nodes, constants, inputs={"x": [1, 6]}, opset=opset)
    x = frames(proto)
    np.testing.assert_array_equal(
        qcompiler.compile(save(proto, tmp_path)).predict(x), expected(proto, x)
    )


def test_qlinear_concat_with_a_constant(tmp_path):
    nodes = [
        *ACTIVATION[:2],
        node("QLinearConcat", ["ys", "yz", "xc", "xs", "xz", "c", "ks", "xz"], ["j"], axis=1,
             domain="com.microsoft"),
        node("DequantizeLinear", ["j", "ys", "yz"], ["y"]),
    ]  # fmt: skip
    nodes[2].input[1] = "xz"
    nodes[3].input[2] = "xz"
    proto = model(nodes, {**SHARED, "c": I8([[90, -3]])}, inputs={"x": [1, 6]}, opset=13)
    proto.opset_import.add(domain="com.microsoft", version=1)
    x = frames(proto)
    np.testing.assert_array_equal(
        qcompiler.compile(save(proto, tmp_path)).predict(x), expected(proto, x)
    )
