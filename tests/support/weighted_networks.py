"""A small QDQ network with every kind of unit that multiplies by weights, and zero points."""

import numpy as np
import onnxruntime
from onnx import ModelProto
from onnx_models import model, node

SHAPES = {
    "conv": (4, 2, 3, 3),
    "depthwise": (4, 1, 3, 3),
    "grouped": (6, 2, 1, 1),
    "dense": (54, 5),
}
"""Weights of each layer, as ONNX has them."""
INPUT = (1, 2, 5, 5)

_SCALES = {"s4": np.float32(2.0**-4), "s3": np.float32(2.0**-3)}
_ZEROS = {"zx": np.uint8(7), "zw": np.int8(0)}


def random_weights(seed: int, lo: int = -8, hi: int = 7) -> dict[str, np.ndarray]:
    """Weights of all layers, in ONNX's layout."""
    random = np.random.default_rng(seed)
    return {
        name: random.integers(lo, hi + 1, shape).astype(np.int8) for name, shape in SHAPES.items()
    }


def in_hardware(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same as matrices [inputs, outputs], channels within taps: frames are channels last."""
    dense = weights["dense"].reshape(6, 3, 3, -1).transpose(1, 2, 0, 3).reshape(54, -1)
    found = {
        name: w.transpose(2, 3, 1, 0).reshape(-1, len(w)).astype(np.int64)
        for name, w in weights.items()
        if name != "dense"
    }
    return {**found, "dense": dense.astype(np.int64)}


def _quantized(x: str, y: str) -> list:
    return [
        node("QuantizeLinear", [x, "s3", "zx"], [f"{y}_codes"]),
        node("DequantizeLinear", [f"{y}_codes", "s3", "zx"], [y]),
    ]


def network(weights: dict[str, np.ndarray]) -> ModelProto:
    """The network with these weights; scales are powers of two, so that the runtime is exact."""
    nodes = _quantized("x", "q")
    given = "q"
    attributes = {
        "conv": {},
        "depthwise": {"group": 4, "pads": [1, 1, 1, 1]},
        "grouped": {"group": 2},
    }
    for name in SHAPES:
        nodes.append(node("DequantizeLinear", [f"{name}_w", "s4", "zw"], [f"{name}_r"]))
        if name == "dense":
            nodes.append(node("Flatten", [given], ["flat"]))
            nodes.append(node("MatMul", ["flat", f"{name}_r"], [f"{name}_y"], name=name))
        else:
            nodes.append(
                node("Conv", [given, f"{name}_r"], [f"{name}_y"], name=name, **attributes[name])
            )
        nodes += _quantized(f"{name}_y", f"{name}_q")
        given = f"{name}_q"
    nodes.append(node("Identity", [given], ["y"]))
    constants = {f"{name}_w": w for name, w in weights.items()} | _SCALES | _ZEROS
    proto = model(nodes, constants, inputs={"x": list(INPUT)})
    proto.ir_version = 10  # the runtime refuses newer ones
    return proto


def runtime(proto: ModelProto, frames: np.ndarray) -> np.ndarray:
    """What onnxruntime makes of frames, one after the other."""
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    return np.concatenate([session.run(None, {"x": frame[None]})[0] for frame in frames])
