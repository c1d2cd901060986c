"""Names that users of ONNX, PyTorch and others expect, and what the language has for them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from qcompiler.errors import suggestion

_WRITE = {
    "gemm linear dense fc fully_connected inner_product addmm": "add(matmul({0:x}, {1:w}), {2:b})",
    "mat_mul mm bmm dot einsum q_linear_mat_mul mat_mul_integer": "matmul({0:x}, {1:w})",
    "conv1d conv2d conv3d convolution conv_integer q_linear_conv depthwise_conv2d separable_conv2d"
    " depthwise": "conv({0:x}, {1:w}, pads: same), with group: for depthwise",
    "conv_transpose1d conv_transpose2d deconv deconvolution conv2d_transpose transposed_conv":
        "conv_transpose({0:x}, {1:w})",
    "batch_norm1d batch_norm2d batch_norm3d batch_normalization bn":
        "batch_norm({0:x}, {1:scale}, {2:bias}, {3:mean}, {4:var}, epsilon: 1e-5)",
    "max_pool1d max_pool2d max_pool3d max_pooling2d max_pooling":
        "max_pool({0:x}, kernel: [2, 2], strides: [2, 2])",
    "avg_pool avg_pool1d avg_pool2d avg_pool3d average_pool2d average_pooling2d":
        "average_pool({0:x}, kernel: [2, 2], strides: [2, 2])",
    "global_average_pool adaptive_avg_pool2d global_avg_pool global_average_pooling2d mean "
    "adaptive_avg_pool1d reduce_mean2d": "reduce_mean({0:x}, axes: [2, 3])",
    "global_max_pool adaptive_max_pool2d":
        "max_pool({0:x}, kernel: [8, 8]), the kernel as large as the image",
    "relu6": "clip({0:x}, 0, 6)",
    "relu1": "clip({0:x}, 0, 1)",
    "hard_tanh": "clip({0:x}, -1, 1)",
    "clamp": "clip({0:x}, lo: 0, hi: 6)",
    "silu swish si_lu": "mul({0:x}, sigmoid({0:x}))",
    "elu selu celu soft_plus mish soft_sign exp log abs cos sin": "",
    "log_softmax": "softmax({0:x}, axis: 1), or leave it out: it orders as its input does",
    "flatten view squeeze unsqueeze expand_dims ravel": "reshape({0:x}, {flat})",
    "cat concatenate stack hstack": "concat({0:x}, {1:y}, axis: 1)",
    "permute swapaxes": "transpose({0:x}, permutation: [0, 2, 3, 1])",
    "t": "transpose({0:x}, permutation: [1, 0])",
    "split chunk gather narrow index_select strided_slice crop":
        "slice({0:x}, starts: [...], ends: [...]), one number for each axis",
    "upsample resize interpolate up_sampling2d":
        "resize_nearest({0:x}, scales: [1, 1, 2, 2])",
    "pixel_shuffle": "depth_to_space({0:x}, block: 2, mode: CRD)",
    "zero_pad2d padding constant_pad2d":
        "pad({0:x}, begin: [0, 0, 1, 1], end: [0, 0, 1, 1])",
    "plus sum bias_add add_bias": "add({0:x}, {1:y})",
    "minus subtract": "sub({0:x}, {1:y})",
    "multiply times scale": "mul({0:x}, {1:y})",
    "divide true_div": "div({0:x}, {1:y})",
    "negative": "neg({0:x})",
    "square": "mul({0:x}, {0:x})",
    "power": "pow({0:x}, {1:2})",
    "minimum": "min({0:x}, {1:y})",
    "maximum": "max({0:x}, {1:y})",
    "reciprocal": "div(1, {0:x})",
    "quant fake_quant fake_quantize quant_identity quant_relu q_relu q_activation"
    " fake_quantize_per_tensor_affine quant_stub": "requantize({0:x}, int8, scale: 0.1)",
    "quantize_linear quantize_per_tensor to_int": "quantize({0:x}, int8, scale: 0.1)",
    "dequantize_linear de_quant de_quant_stub": "dequantize({0:x}, scale: 0.1)",
    "bipolar_quant sign binarize": "requantize({0:x}, ternary, scale: 1)",
    "trunc_quant": "requantize({0:x}, int8, scale: 0.1, rounding: floor)",
    "multi_threshold":
        "threshold({0:x}, uint2, thresholds: [[1, 2, 3]], lo: 0), on integers",
    "dropout identity cast no_op stop_gradient": "{0:x} itself, it changes nothing here",
    "open read from_file read_csv load_npy": "load({0:w.npy})",
    "constant const variable array tensor": "w = [[1, 2]], or load(\"w.npy\"), without a call",
    "layer_norm layer_normalization group_norm instance_norm rms_norm lrn": "",
    "lstm gru rnn attention multi_head_attention embedding": "",
}  # fmt: skip
"""What to write instead, with arguments by position; "" where the language has nothing like it."""

_PARAMETERS = {
    "padding": ("pads", "begin"), "pad": ("pads",), "auto_pad": ("pads",), "stride": ("strides",),
    "kernel_size": ("kernel",), "kernel_shape": ("kernel",), "pool_size": ("kernel",),
    "ksize": ("kernel",), "size": ("kernel", "scales"), "window": ("kernel",),
    "dilation": ("dilations",), "groups": ("group",), "dim": ("axis",), "dims": ("axes",),
    "axes": ("axis",), "perm": ("permutation",), "order": ("permutation",), "eps": ("epsilon",),
    "negative_slope": ("alpha",), "slope": ("alpha",), "min": ("lo",), "max": ("hi",),
    "minimum": ("lo",), "maximum": ("hi",), "low": ("lo",), "high": ("hi",),
    "dtype": ("type",), "bits": ("type",), "bit_width": ("type",), "bitwidth": ("type",),
    "zp": ("zero_point",), "zeropoint": ("zero_point",), "offset": ("zero_point",),
    "round": ("rounding",), "rounding_mode": ("rounding",), "keep_dims": ("keepdims",),
    "keepdim": ("keepdims",), "block_size": ("block",), "blocksize": ("block",),
    "upscale_factor": ("block",), "scale_factor": ("scales",), "factor": ("scales", "block"),
    "weight": ("weights", "b"), "w": ("weights", "b"), "kernel": ("weights",), "input": ("x", "a"),
    "inputs": ("x",), "gamma": ("scale",), "beta": ("bias",), "variance": ("var",),
    "ceil_mode": ("overhang",), "new_shape": ("shape",), "begins": ("begin", "starts"),
    "mode": ("kind",), "constant_value": ("value",), "select_last_index": ("last",),
}  # fmt: skip
"""What arguments are called elsewhere, and here."""


def plain(name: str) -> str:
    """Returns a name without dialect, in lower case and with underscores: `nn.MaxPool` `max_pool`.

    Letters that follow digits stay: `Conv2d` is `conv2d`.
    """
    last = name.rpartition(".")[2]
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", last).lower()


_FOREIGN = {name: text for names, text in _WRITE.items() for name in names.split()}
_RUN_TOGETHER = {name.replace("_", ""): name for name in _FOREIGN}


def remedy_for(name: str, arguments: Sequence[str], flat: str, known: Sequence[str]) -> str:
    """Returns what to write for an operation that the language does not have.

    Args:
        name: as it was written.
        arguments: the texts of those that stand by position.
        flat: the shape to flatten the first one to.
        known: names of operations and blocks.
    """
    bare = plain(name).strip("_")
    together = {known_.replace("_", ""): known_ for known_ in known}
    same = together.get(bare.replace("_", ""))
    if same is not None:
        shown = ", ".join(arguments)
        return f"write {same}({shown})" if shown else f"write {same}(...)"
    foreign = _FOREIGN.get(_RUN_TOGETHER.get(bare.replace("_", ""), bare))
    if foreign == _FOREIGN["gemm"] and len(arguments) < 3:
        foreign = _FOREIGN["mm"]
    if foreign == "":
        return "the language has nothing like it; docs/language.md lists the operations"
    if foreign is not None:
        return f"write {_filled(foreign, arguments, flat)}"
    return suggestion(bare, known, "docs/language.md lists the operations")


def _filled(text: str, arguments: Sequence[str], flat: str) -> str:
    def argument(match: re.Match[str]) -> str:
        index = int(match[1])
        return arguments[index] if index < len(arguments) else match[2]

    return re.sub(r"\{(\d):([\w.]+)\}", argument, text).replace("{flat}", flat)


def argument_for(name: str, names: Sequence[str]) -> str | None:
    """Returns what an argument of an operation is called here; None if no name is known for it."""
    return next((ours for ours in _PARAMETERS.get(plain(name), ()) if ours in names), None)


_TYPES = {
    "float": "float32", "f32": "float32", "double": "float64", "f64": "float64", "bool": "uint1",
    "boolean": "uint1", "binary": "uint1", "bit": "uint1", "byte": "uint8", "char": "int8",
    "short": "int16", "long": "int64", "binarized": "bipolar", "ubyte": "uint8",
}  # fmt: skip


def type_remedy(name: str) -> str | None:
    """Returns what to write for a type that is none; None if it does not look like one."""
    lower = name.lower()
    if lower in _TYPES:
        return f"write {_TYPES[lower]}"
    if re.fullmatch(r"(b?float|half|fp|bf|f)(16|8|4)?|tf32", lower) and lower != "f":
        return "write float32: parameters are of single precision"
    match = re.fullmatch(r"(u?)(?:int|i|s|int_|q)([0-9]+)(?:_t)?", lower)
    unsigned = re.fullmatch(r"(?:u|ui)([0-9]+)", lower)
    if match is None and unsigned is None:
        return None
    bits = int((match[2] if match else unsigned[1] if unsigned else "0")[:9])
    prefix = "uint" if unsigned or (match and match[1]) else "int"
    most = 63 if prefix == "uint" else 64
    if 1 <= bits <= most:
        return f"write {prefix}{bits}"
    return f"write {prefix}1 to {prefix}{most}, or a range: int<0, 1000>"
