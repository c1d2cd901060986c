"""Which models there are, and what each of them leaves open, with the reason of our answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.common import MODELS


@dataclass(frozen=True)
class Settings:
    """What a model needs besides its file.

    Attributes:
        inputs: `--input` by input name.
        freeze: graph inputs that are parameters in practice, besides those that `prepare` knows.
        domains: operator domains by operation, where the file gives one that no runtime knows.
        golden_at: `output`, or `core` if the golden data are integers before the host's tail.
        reason: why, in words.
    """

    inputs: Mapping[str, str] = field(default_factory=dict[str, str])
    freeze: tuple[str, ...] = ()
    golden_at: str = "output"
    domains: Mapping[str, str] = field(default_factory=dict[str, str])
    reason: str = ""


def _integers(kind: str, *names: str, golden_at: str = "output") -> Settings:
    return Settings(
        dict.fromkeys(names, f"{kind}:1"),
        golden_at=golden_at,
        reason=f"integers in floats; the golden inputs are {kind}",
    )


_MICROSOFT = "onnxruntime has the operation in com.microsoft only"
_SETTINGS: dict[str, Settings] = {
    "deeploy/cnn_linear1": _integers("int8", "input"),
    "deeploy/k_add_regular_rq": _integers("int8", "input", "x.3"),
    "deeploy/k_attention": _integers("int8", "input"),
    "deeploy/k_conv_dw_3x3_rq": _integers("uint8", "input"),
    "deeploy/k_conv_regular_1d_rq": _integers("uint8", "input"),
    "deeploy/k_conv_striddedpadded_2d_rq": _integers("int8", "x"),
    "deeploy/k_gemm_regular_rqpercolumn": _integers("int8", "input"),
    "deeploy/k_hardswish_regular_rq": _integers("int8", "input"),
    "deeploy/k_inonorm": _integers("int8", "input"),
    "deeploy/k_rmsnorm": _integers("int8", "input"),
    "deeploy/k_softmax_regular": _integers("int8", "input"),
    "deeploy/k_trueintegerdiv": _integers("int16", "input"),
    "deeploy/minimobilenet": _integers("uint8", "input"),
    "dory/nemo_eegnet": _integers("uint8", "0"),
    "dory/nemo_frontnet": _integers("uint8", "0"),
    "dory/nemo_residual1": _integers("uint8", "0", golden_at="core"),
    "qonnx/eltwise_chanlast": _integers("uint8", "global_in"),
    "qonnx/espcn_subpixel": Settings(
        {"x.7": "uint8:0.003921569"}, reason="images; 8 bits of [0, 1]"
    ),
    "qonnx_zoo/jet_tagging_w6a6": Settings(
        {"global_in": "int16:0.0009765625"}, reason="ap_fixed<16,6>, as hls4ml takes it"
    ),
    "qonnx_zoo/unsw_nb15_mlp_w2a2": Settings(
        {"onnx::Add_0": "bipolar:1"}, reason="bits, as -1 and 1"
    ),
    "migraphx/convinteger_dual_bias_test": Settings(
        freeze=("1", "2", "3"), reason="weights and zero points are inputs"
    ),
    "migraphx/qlinearadd_bcast_test": Settings(
        domains={"QLinearAdd": "com.microsoft"}, reason=_MICROSOFT
    ),
    "migraphx/qlinearleakyrelu_test": Settings(
        domains={"QLinearLeakyRelu": "com.microsoft"}, reason=_MICROSOFT
    ),
    "migraphx/qlinearsigmoid_test": Settings(
        domains={"QLinearSigmoid": "com.microsoft"}, reason=_MICROSOFT
    ),
    "onnx_node/test_averagepool_2d_ceil": _integers("uint8", "x"),
    "onnx_node/test_averagepool_2d_dilations": _integers("uint8", "x"),
    "onnx_node/test_averagepool_2d_pads_count_include_pad": _integers("int8", "x"),
    "onnx_node/test_conv_with_autopad_same": _integers("uint8", "x"),
    "onnx_node/test_conv_with_strides_and_asymmetric_padding": _integers("uint8", "x"),
    "onnx_node/test_convtranspose_dilations": _integers("uint8", "X"),
    "onnx_node/test_convtranspose_group_2": _integers("uint8", "X"),
    "onnx_node/test_depthtospace_crd_mode_example": _integers("uint8", "x"),
    "onnx_node/test_maxpool_2d_ceil": _integers("uint8", "x"),
    "onnx_node/test_maxpool_2d_dilations": _integers("uint8", "x"),
    "onnx_node/test_resize_upsample_scales_nearest": _integers("uint8", "X"),
    "ort/dynamic_quantize_matmul_int8_bias": Settings(
        freeze=("B", "b_scale", "bias"), reason="weights, scales and biases are inputs"
    ),
    "ort/matmul_integer_to_float_int8_bias": Settings(
        freeze=("B", "a_scale", "b_scale", "bias"), reason="weights, scales, biases are inputs"
    ),
}


@dataclass(frozen=True)
class Model:
    """One file.

    Attributes:
        name: path below the models' folder, without `.onnx`.
        path: the file.
        settings: what it needs besides.
    """

    name: str
    path: Path
    settings: Settings

    @property
    def golden_stem(self) -> Path:
        """Golden data lie beside the model; both spellings of deeploy's share them."""
        return self.path.parent / self.path.name.removesuffix(".onnx").removesuffix(".std")

    @property
    def slug(self) -> str:
        """The name, fit for a file."""
        return self.name.replace("/", "__")


def all_models(root: Path = MODELS) -> list[Model]:
    """Returns every model below `root`, by name."""
    found: list[Model] = []
    for path in sorted(root.rglob("*.onnx")):
        name = str(path.relative_to(root)).removesuffix(".onnx")
        found.append(Model(name, path, _SETTINGS.get(name.removesuffix(".std"), Settings())))
    return found
