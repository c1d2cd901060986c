"""Float networks as torch exports them, built with onnx's helpers."""

import numpy as np
from onnx import ModelProto
from onnx_models import model, node


class Builder:
    """Adds nodes one after the other, with random weights."""

    def __init__(self, seed: int = 0):
        self.random = np.random.default_rng(seed)
        self.nodes, self.constants = [], {}

    def constant(self, name: str, array) -> str:
        self.constants[name] = np.asarray(array, np.float32)
        return name

    def op(self, kind: str, x, name: str, **attributes) -> str:
        inputs = [x] if isinstance(x, str) else x
        self.nodes.append(node(kind, inputs, [name], **attributes))
        return name

    def conv(self, x, name, channels, outputs, kernel=3, **attributes):
        group = attributes.get("group", 1)
        shape = (outputs, channels // group, kernel, kernel)
        scale = (2 / np.prod(shape[1:])) ** 0.5
        w = self.constant(f"{name}_w", self.random.normal(0, scale, shape))
        pads = [kernel // 2] * 4
        return self.op("Conv", [x, w], name, pads=pads, kernel_shape=[kernel] * 2, **attributes)

    def norm(self, x, name, channels):
        parts = {
            "scale": self.random.uniform(0.5, 1.5, channels),
            "bias": self.random.normal(0, 0.2, channels),
            "mean": self.random.normal(0, 0.2, channels),
            "var": self.random.uniform(0.5, 2, channels),
        }
        names = [self.constant(f"{name}_{part}", array) for part, array in parts.items()]
        return self.op("BatchNormalization", [x, *names], name)

    def model(self, shape, outputs, opset=17) -> ModelProto:
        return model(
            self.nodes,
            self.constants,
            inputs={"image": ["N", *shape]},
            outputs=outputs,
            opset=opset,
        )


def residual_network(*, norms: bool = True, seed: int = 0) -> ModelProto:
    """A network for [1, 8, 8]: a residual block, a depthwise layer, a mean, a dense layer."""
    b = Builder(seed)

    def layer(x, name, *sizes, **attributes):
        x = b.conv(x, name, *sizes, **attributes)
        return b.norm(x, f"{name}_norm", sizes[1]) if norms else x

    x = b.op("Relu", layer("image", "stem", 1, 8), "stem_relu")
    y = b.op("Relu", layer(x, "conv1", 8, 8), "relu1")
    y = layer(y, "conv2", 8, 8)
    x = b.op("Relu", b.op("Add", [x, y], "sum"), "relu2")
    x = b.op("MaxPool", x, "pool", kernel_shape=[2, 2], strides=[2, 2])
    x = b.op("Relu", layer(x, "depthwise", 8, 8, group=8), "relu3")
    x = b.op("Flatten", b.op("GlobalAveragePool", x, "mean"), "flat")
    w = b.constant("dense_w", b.random.normal(0, 0.5, (10, 8)))
    bias = b.constant("dense_b", b.random.normal(0, 0.5, 10))
    b.op("Gemm", [x, w, bias], "scores", transB=1)
    return b.model([1, 8, 8], ["scores"])


def frames(count: int = 24, shape=(1, 8, 8), seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (count, *shape)).astype(np.float32)


def float_outputs(proto: ModelProto, x: np.ndarray) -> np.ndarray:
    """What onnxruntime computes."""
    import onnxruntime

    proto.ir_version = 10
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    return session.run(None, {"image": x})[0]
