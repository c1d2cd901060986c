"""QLinearAdd and QLinearMul are onnxruntime's own kernels, on all pairs of codes.

onnxruntime's sums are fused multiply-adds where the processor has them, as those of today do.
"""

from fractions import Fraction

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_models import imported, model, node, save

import qcompiler
from qcompiler.interpreters import run_model

F32 = np.float32
CODES = {np.int8: np.arange(-128, 128), np.uint8: np.arange(256)}
ELEMENT = {np.int8: TensorProto.INT8, np.uint8: TensorProto.UINT8}
ROUND = (0.05, 0.02, 0.06), (7, 3, 9)  # products that are rounded move 1969 pairs


def kernel(op, scales, zeros, shapes=((256,), (256,)), code=np.int8):
    names = ["as", "bs", "ys"], ["az", "bz", "yz"]
    constants = {n: F32(v) for n, v in zip(names[0], scales, strict=True)}
    constants |= {n: code(v) for n, v in zip(names[1], zeros, strict=True)}
    inputs = ["a", "as", "az", "b", "bs", "bz", "ys", "yz"]
    proto = model(
        [node(op, inputs, ["y"], domain="com.microsoft")],
        constants,
        inputs=dict(zip("ab", map(list, shapes), strict=True)),
        element=ELEMENT[code],
    )
    proto.graph.output[0].type.tensor_type.elem_type = ELEMENT[code]
    proto.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    proto.ir_version = 10
    return proto


@pytest.mark.parametrize("op", ["QLinearAdd", "QLinearMul"])
@pytest.mark.parametrize(
    ("scales", "zeros"),
    [
        ((0.02, 0.02, 0.04), (3, -7, 5)),  # ties everywhere, which an odd zero point turns
        ((0.09, 0.03, 0.05), (-100, 41, -128)),
        ((0.0137, 0.0771, 0.0613), (0, 0, 0)),
        ROUND,
    ],
)
def test_every_pair_equals_onnxruntime(tmp_path, op, scales, zeros):
    check(tmp_path, kernel(op, scales, zeros), pairs(np.int8))


def pairs(code):
    return [x.astype(code) for x in np.meshgrid(CODES[code], CODES[code], indexing="ij")]


def check(tmp_path, proto, given):
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    rows = zip(*given, strict=True)
    wanted = np.stack([session.run(None, {"a": a, "b": b})[0] for a, b in rows])
    got = qcompiler.compile(save(proto, tmp_path)).predict(dict(zip("ab", given, strict=True)))
    np.testing.assert_array_equal(np.reshape(got, wanted.shape), wanted)


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("op", ["QLinearAdd", "QLinearMul"])
@pytest.mark.parametrize("seed", range(2))
def test_random_scales(tmp_path, op, code, seed):
    """Some of them round: those make ties."""
    random = np.random.default_rng(seed)
    scales = np.exp(random.uniform(-5, 1, 3))
    scales = np.round(scales, 2) + 0.01 if seed % 2 else scales
    zeros = random.choice(CODES[code], 3)
    check(tmp_path, kernel(op, scales, zeros, code=code), pairs(code))


@pytest.mark.parametrize("shapes", [((1,), (256,)), ((256,), (1,)), ((2, 1), (2, 256))])
def test_one_number_for_many_takes_the_place_of_the_second(tmp_path, shapes):
    """So onnxruntime's kernel has it; the order of the roundings shows in ties."""
    a, b = pairs(np.int8)
    given = [a, b[:1].reshape(-1, 1)] if shapes[0] == (256,) else [a[:, :1], b]
    if len(shapes[0]) > 1:
        given = [x.reshape(128, *shape) for x, shape in zip(given, shapes, strict=True)]
    check(tmp_path, kernel("QLinearAdd", *ROUND, shapes), given)


def exact_sums(a, b):
    """The codes of ROUND's sum in real arithmetic."""
    scales, zeros = ROUND
    first, second, out = (Fraction(float(F32(s))) for s in scales)
    sums = [
        round(((x - zeros[0]) * first + (y - zeros[1]) * second) / out) + zeros[2]
        for x, y in zip(*(v.ravel().tolist() for v in np.broadcast_arrays(a, b)), strict=True)
    ]
    return np.clip(sums, -128, 127)


@pytest.mark.parametrize("constant", ["a", "b"])
def test_a_sum_with_constants(tmp_path, constant):
    proto = kernel("QLinearAdd", *ROUND)
    other = "b" if constant == "a" else "a"
    kept = [value for value in proto.graph.input if value.name == other]
    del proto.graph.input[:]
    proto.graph.input.extend(kept)
    codes = CODES[np.int8].astype(np.int8)
    proto.graph.initializer.append(numpy_helper.from_array(codes, constant))
    given = np.stack([np.roll(codes, shift) for shift in range(0, 256, 5)])
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    wanted = np.stack([session.run(None, {other: row})[0] for row in given])
    path = save(proto, tmp_path)
    np.testing.assert_array_equal(qcompiler.compile(path).predict(given), wanted)
    exact = np.ravel(qcompiler.compile(path, numerics="exact").predict(given))
    operands = (codes, given) if constant == "a" else (given, codes)
    np.testing.assert_array_equal(exact, exact_sums(*operands))


@pytest.mark.parametrize("opset", [11, 13])
@pytest.mark.parametrize(
    ("scale", "zero", "classes"), [(0.05, -128, 10), (0.3, 5, 7), (0.02, 0, 512)]
)
def test_softmax_of_codes_is_that_of_the_kernel(tmp_path, opset, scale, zero, classes):
    """But where float32 errs across a half; equal codes are halves without any error."""
    proto = model(
        [node("QLinearSoftmax", ["x", "xs", "xz", "ys", "yz"], ["y"], domain="com.microsoft",
              axis=1, opset=opset)],
        {"xs": F32(scale), "xz": np.int8(zero), "ys": F32(1 / 256), "yz": np.int8(-128)},
        inputs={"x": [1, 2, classes]},
        element=TensorProto.INT8,
    )  # fmt: skip
    proto.graph.output[0].type.tensor_type.elem_type = TensorProto.INT8
    proto.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    proto.ir_version = 10
    codes = np.random.default_rng(0).integers(-128, 128, (200, 1, 2, classes))
    codes[0] = codes[0, 0, 0, 0]
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    wanted = np.stack([session.run(None, {"x": x.astype(np.int8)})[0] for x in codes])
    (made,) = run_model(imported(proto, tmp_path), [codes])
    wrong = made != wanted
    assert wrong.mean() < 1e-3
    assert np.abs(made - wanted).max() <= 1
    assert not wrong[0].any()
