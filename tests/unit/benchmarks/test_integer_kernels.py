import numpy as np
import onnx
import pytest
from onnx import helper, parser

from benchmarks.zoo import runtimes
from benchmarks.zoo.integer_kernels import integer_kernels


def _model(zero_point: int, relu: bool) -> onnx.ModelProto:
    last = "r = Relu(s)\n y = QuantizeLinear(r, sy, z)" if relu else "y = QuantizeLinear(s, sy, z)"
    return parser.parse_model(f"""
        <ir_version: 8, opset_import: ["" : 13]>
        dense (int8[1, 4] x) => (int8[1, 2] y)
        <float sx = {{0.5}}, int8 z = {{{zero_point}}}, float sw = {{0.25}}, int8 zw = {{0}},
         int8[4, 2] w = {{127, -128, 127, -128, 127, -128, 5, -6}}, float sy = {{8.0}},
         int32[2] b = {{300, -70}}, float sb = {{0.125}}, int32 zb = {{0}}>
        {{ xr = DequantizeLinear(x, sx, z)
          wr = DequantizeLinear(w, sw, zw)
          br = DequantizeLinear(b, sb, zb)
          m = MatMul(xr, wr)
          s = Add(m, br)
          {last} }}""")


@pytest.mark.parametrize("zero_point", [-128, 0, 7])
@pytest.mark.parametrize("relu", [False, True])
def test_a_dense_layer_becomes_one_kernel_that_does_not_saturate(zero_point: int, relu: bool):
    model = _model(zero_point, relu)
    rewritten, count = integer_kernels(model)
    assert count == 1
    assert [n.op_type for n in rewritten.graph.node].count("QGemm") == 1
    assert "MatMul" not in {n.op_type for n in rewritten.graph.node}
    session = runtimes.session(rewritten.SerializeToString(), False, False)
    weights = np.array([[127, -128], [127, -128], [127, -128], [5, -6]])
    for codes in (np.full((1, 4), 127), np.full((1, 4), -128), np.array([[1, -2, 3, 99]])):
        total = (codes - zero_point) @ weights + np.array([300, -70])
        code = np.rint(total.astype(np.float32) * np.float32(0.125 / 8)) + zero_point
        wanted = np.clip(code, max(zero_point, -128) if relu else -128, 127)
        (found,) = session.run(None, {"x": codes.astype(np.int8)})
        assert np.array_equal(found, wanted)


def test_a_bias_of_another_scale_stays_in_float():
    model = _model(0, False)
    scale = next(i for i in model.graph.initializer if i.name == "sb")
    scale.CopyFrom(helper.make_tensor("sb", onnx.TensorProto.FLOAT, [], [0.2]))
    assert integer_kernels(model)[1] == 0


def test_averages_of_codes_are_exact():
    model = parser.parse_model("""
        <ir_version: 8, opset_import: ["" : 13]>
        mean (uint8[1, 1, 8, 8] x) => (uint8[1, 1, 1, 1] y)
        <float s = {0.12706915}, uint8 z = {3}>
        { xr = DequantizeLinear(x, s, z)
          a = AveragePool <kernel_shape = [8, 8]> (xr)
          y = QuantizeLinear(a, s, z) }""")
    assert integer_kernels(model)[1] == 0
    rewritten, count = integer_kernels(model, exact_averages=True)
    assert count == 1
    session = runtimes.session(rewritten.SerializeToString(), False, False)
    codes = np.random.default_rng(0).integers(3, 256, (40, 64))
    codes[:, 0] += (32 - (codes - 3).sum(1)) % 64 - np.where(codes[:, 0] > 190, 64, 0)
    for row in codes:
        (found,) = session.run(None, {"x": row.reshape(1, 1, 8, 8).astype(np.uint8)})
        mean = np.float32((row.astype(np.int64) - 3).sum()) * np.float32(0.12706915) / 64
        assert found.item() == np.rint(mean / np.float32(0.12706915)) + 3
