"""Channels that nothing depends on go before hardware is made; what comes out stays the same."""

import numpy as np
import onnxruntime
import pytest
from onnx_models import model, node, save

import qcompiler
from qcompiler.dialects import qint
from qcompiler.pipelines import DEFAULT

WITHOUT = [name for name in DEFAULT if name != "prune-channels"]
SCALES = {
    "xs": np.float32(1 / 16), "ws": np.float32(1 / 32), "wz": np.int8(0),
    "bs": np.float32(1 / 512), "bz": np.int32(0), "hz": np.uint8(0), "yz": np.uint8(128),
}  # fmt: skip


class Network:
    """Appends quantized layers; scales are powers of two, so onnxruntime's floats are exact."""

    def __init__(self, shape, seed):
        self.random, self.mixed = np.random.default_rng(seed), seed > 0
        self.constants, self.count, self.shape = dict(SCALES), 0, shape
        self.nodes = []
        self.quantize("x")

    def layer(self, op, weights, bias=None, relu=True, **attributes):
        """A layer of int8 weights, int32 biases, ReLU and uint8 codes."""
        n = self.count = self.count + 1
        self.constants[f"w{n}"] = weights.astype(np.int8)
        self.nodes.append(node("DequantizeLinear", [f"w{n}", "ws", "wz"], [f"wd{n}"]))
        if bias is not None:
            self.constants[f"b{n}"] = bias.astype(np.int32)
            self.nodes.append(node("DequantizeLinear", [f"b{n}", "bs", "bz"], [f"bd{n}"]))
        more = [] if bias is None else [f"bd{n}"]
        self.nodes.append(node(op, [self.last, f"wd{n}", *more], [f"a{n}"], **attributes))
        if relu:
            self.nodes.append(node("Relu", [f"a{n}"], [f"r{n}"]))
        self.quantize(f"r{n}" if relu else f"a{n}", "hz" if relu else "yz")
        return self.last

    def quantize(self, real, zero="hz"):
        self.nodes.append(node("QuantizeLinear", [real, "xs", zero], [f"{real}_q"]))
        self.nodes.append(node("DequantizeLinear", [f"{real}_q", "xs", zero], [f"{real}_d"]))
        self.last = f"{real}_d"

    def weights(self, *shape):
        return self.random.integers(-7, 8, shape)

    def biases(self, dead, full, count):
        """Some that keep channels at 0, some that keep them at 255."""
        bias = self.random.integers(-300, 300, count)
        bias[:dead] = -(10**6)
        bias[dead : dead + full] = 10**6
        return self.random.permutation(bias) if self.mixed else bias

    def build(self, folder):
        self.nodes[-1].output[0] = "y"
        return save(model(self.nodes, self.constants, inputs={"x": self.shape}), folder)


def dense(seed):
    network = Network([1, 6], seed)
    first = network.weights(6, 16)
    first[:, 8] = 0  # with its bias: one code, which is neither end
    network.layer("Gemm", first, network.biases(4, 2, 16))
    second = network.weights(16, 12)
    second[9] = 0  # nobody reads it
    network.layer("Gemm", second, network.biases(3, 0, 12))
    network.layer("Gemm", network.weights(12, 4), np.zeros(4), relu=False)
    return network


def convolutions(seed):
    network = Network([1, 2, 6, 6], seed)
    same = {"pads": [1, 1, 1, 1]}
    network.layer("Conv", network.weights(12, 2, 3, 3), network.biases(3, 1, 12), **same)
    network.layer("Conv", network.weights(12, 1, 3, 3), network.biases(2, 1, 12), group=12, **same)
    left = network.layer("Conv", network.weights(12, 12, 1, 1), network.biases(6, 1, 12))
    right = network.layer("Conv", network.weights(12, 12, 3, 3), network.biases(6, 1, 12), **same)
    network.nodes.append(node("Add", [left, right], ["sum"]))
    network.quantize("sum")
    network.nodes.append(
        node("MaxPool", [network.last], ["p"], kernel_shape=[2, 2], strides=[2, 2])
    )
    network.nodes.append(node("Flatten", ["p"], ["f"]))
    network.last = "f"
    network.layer("Gemm", network.weights(12 * 9, 5), np.zeros(5), relu=False)
    return network


def widths(design):
    """The channels of what each product makes, in order."""
    ops = design.level("qint").walk()
    return [
        op.result.type.get_shape()[-1] for op in ops if isinstance(op, qint.MatMulOp | qint.ConvOp)
    ]


def expected(path, x):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, {"x": one[None]})[0] for one in x])


@pytest.mark.parametrize("seed", [0, 3])
@pytest.mark.parametrize("build", [dense, convolutions])
def test_what_comes_out_is_the_model_s(tmp_path, build, seed):
    network = build(seed)
    path = network.build(tmp_path)
    design = qcompiler.compile(path, validate=seed == 0)
    assert sum(widths(design)) < sum(widths(qcompiler.compile(path, passes=WITHOUT)))
    x = np.random.default_rng(seed).integers(0, 256, (20, *network.shape[1:])) / np.float32(16)
    np.testing.assert_array_equal(
        design.predict(x.astype(np.float32)), expected(path, x.astype(np.float32))
    )


def test_channels_that_go_and_those_that_stay(tmp_path):
    # Of 16 are six saturated, one constant between, one not read; of 12 four.
    assert widths(qcompiler.compile(dense(0).build(tmp_path))) == [8, 8, 4]


def test_hardware_is_smaller_and_computes_the_same(tmp_path):
    path = dense(1).build(tmp_path)
    design, whole = (qcompiler.compile(path, cycles=24, passes=p) for p in (None, WITHOUT))
    codes = np.random.default_rng(1).integers(0, 256, (40, 6))
    (got,), _ = design.simulate_core([codes])
    np.testing.assert_array_equal(got, whole.core([codes])[0].reshape(got.shape))
