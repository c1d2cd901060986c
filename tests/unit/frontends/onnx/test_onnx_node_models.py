"""ONNX's own tests of single operations: equal to their golden data, or refused."""

import contextlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_models import save

from qcompiler import pipelines
from qcompiler.errors import ModelError
from qcompiler.frontends.onnx import import_onnx
from qcompiler.interpreters import run_model
from qcompiler.passes.pipeline import run_passes

MODELS = Path(__file__).parents[4].parent / "shared" / "models"
NODES = MODELS / "onnx_node"
pytestmark = pytest.mark.skipif(not NODES.is_dir(), reason=f"no models of others at {NODES}")

REFUSED = {
    # Of reals; tests/e2e/test_masked_attention.py quantizes what it takes.
    "attention_4d_causal": "no quantizer",
    # Sampling of reals is the host's; tests/e2e/test_sampling_of_others.py quantizes these.
    "basic_deform_conv_with_padding": "no quantizer",
    "basic_deform_conv_without_padding": "no quantizer",
    "deform_conv_with_mask_bias": "no quantizer",
    "deform_conv_with_multiple_offset_groups": "no quantizer",
    "gridsample_bilinear": "no quantizer",
    "bitshift_right_uint8": "BitShift is not supported",
    "dequantizelinear_blocked": "blocked quantization",
    "quantizelinear_blocked_asymmetric": "blocked quantization",
    "quantizelinear_blocked_symmetric": "blocked quantization",
    "dynamicquantizelinear": "a scale that depends on the input",
    "dynamicquantizelinear_max_adjusted": "a scale that depends on the input",
    "dynamicquantizelinear_min_adjusted": "a scale that depends on the input",
    "maxpool_with_argmax_2d_precomputed_strides": "output 1",
    "resize_downsample_scales_cubic": "must enlarge",
    "resize_upsample_scales_linear_align_corners": "must be nearest",
    "resize_upsample_sizes_nearest_ceil_half_pixel": "do not repeat each element",
    "top_k": "only the largest element",
}
REFUSED |= {
    f"{kind}_{form}": form.split("_")[0]
    for kind, forms in {
        "dequantizelinear": ("e4m3fn", "e4m3fn_zero_point", "e5m2", "float4e2m1"),
        "quantizelinear": ("e4m3fn", "e5m2", "float4e2m1"),
    }.items()
    for form in forms
}
REALS = ("averagepool", "maxpool_2d_ceil", "maxpool_2d_dil", "conv_with", "convtranspose", "depth",
         "resize_upsample_scales_nearest")  # fmt: skip
"""Tests on reals: they get a quantizer behind them, so that there is something to compile."""


COMPUTE = ("convinteger", "matmulinteger", "qlinear", "maxpool_2d_uint8")
NOTHING = "nothing to put in hardware|works on real numbers|without a quantizer"


def frozen(name: str, folder: Path):
    """The model with all inputs but the first stored in it; data, and what is wanted of it."""
    model = onnx.load(NODES / f"test_{name}.onnx")
    vectors = np.load(NODES / f"test_{name}.io.npz")
    _, *others = list(model.graph.input)
    for index, value in enumerate(others, 1):
        array = vectors[f"in{index}"]
        kind = value.type.tensor_type.elem_type
        stored = helper.make_tensor(value.name, kind, array.shape, array.reshape(-1).tolist())
        model.graph.initializer.append(stored)
        model.graph.input.remove(value)
    if name.startswith(REALS):
        (output,) = model.graph.output
        scale = numpy_helper.from_array(np.float32(2**-10), "last_scale")
        zero = numpy_helper.from_array(np.int16(0), "last_zero")
        model.graph.initializer.extend([scale, zero])
        parameters = ["last_scale", "last_zero"]
        model.graph.node.append(
            helper.make_node("QuantizeLinear", [output.name, *parameters], ["codes"])
        )
        model.graph.output.append(helper.make_tensor_value_info("codes", TensorProto.INT16, None))
    wanted = [vectors[n] for n in vectors.files if n.startswith("out")]
    return save(model, folder), vectors["in0"][np.newaxis], wanted


def cases():
    return sorted(path.stem.removeprefix("test_") for path in NODES.glob("*.onnx"))


@pytest.mark.parametrize("name", cases())
def test_node(tmp_path, name):
    path, data, wanted = frozen(name, tmp_path)
    if name in REFUSED:
        with pytest.raises(ModelError, match=REFUSED[name]):
            import_onnx(path)
        return
    module = import_onnx(path)
    module.verify()
    compare(module, data, wanted, name)
    compilable = name.startswith(COMPUTE)
    with contextlib.nullcontext() if compilable else pytest.raises(ModelError, match=NOTHING):
        run_passes(module, pipelines.QINT)
    if compilable:
        compare(module, data, wanted, name)


def compare(module, data, wanted, name):
    """Integers are equal; reals up to the noise of the float32 of whoever made the data."""
    tolerance = 1e-6 if name.startswith(REALS) else 0
    for found, expected in zip(run_model(module, [data]), wanted, strict=False):
        np.testing.assert_allclose(found[0], expected.astype(np.float64), tolerance, tolerance)
