"""Small streaming and recurrent networks in QONNX, in the explicit form of streaming exports."""

import numpy as np
from onnx_models import QONNX, model, node

F32 = np.float32


class Builder:
    """Nodes and constants as they grow."""

    def __init__(self):
        self.nodes, self.constants = [], {"zero": F32(0)}

    def add(self, kind, inputs, output, **attributes):
        self.nodes.append(node(kind, inputs, [output], **attributes))
        return output

    def constant(self, name, value):
        self.constants[name] = np.asarray(value)
        return name

    def quant(self, x, output, scale, bits):
        """A signed quantizer."""
        parts = [self.constant(f"{output}_scale", F32(scale)), "zero"]
        parts.append(self.constant(f"{output}_bits", F32(bits)))
        return self.add("Quant", [x, *parts], output, domain=QONNX, signed=1, narrow=0)

    def weights(self, name, integers, scale, bits=4):
        """Quantized weights."""
        raw = self.constant(f"{name}_raw", (integers * scale).astype(F32))
        return self.quant(raw, name, scale, bits)

    def model(self, inputs, outputs):
        return model(self.nodes, self.constants, inputs=inputs, outputs=outputs)


def causal_conv(weights, *, frames=None):
    """A causal convolution of three steps and two channels, and a quantizer.

    Args:
        weights: integers, [outputs, 2, 3].
        frames: the whole sequence of so many steps; None for one step and its state.
    """
    b = Builder()
    steps = 1 if frames is None else frames
    q = b.quant("x", "q", 0.5, 4)
    w = b.weights("w", weights, 0.25)
    if frames is None:
        kept = b.quant("past", "kept", 0.5, 4)
        q = b.add("Concat", [kept, q], "rows", axis=2)
        cut = [
            b.constant(n, np.array([v], np.int64)) for n, v in (("from", 1), ("to", 3), ("on", 2))
        ]
        b.add("Slice", [q, *cut], "past_out")
    pads = [2, 0] if frames else [0, 0]
    b.add("Conv", [q, w], "s", kernel_shape=[3], pads=pads)
    b.quant("s", "y", 0.5, 5)
    inputs = {"x": [1, 2, steps]} | ({} if frames else {"past": [1, 2, 2]})
    return b.model(inputs, ["y"] if frames else ["y", "past_out"])


def gru(wx, wh):
    """A gated recurrent unit without biases: gates of 8 bits, state of 8 bits.

    Args:
        wx: integers [4, 9], for update, reset and candidate in turn.
        wh: integers [3, 9].
    """
    b = Builder()
    x, h = b.quant("x", "qx", 0.125, 6), b.quant("h", "qh", 1 / 64, 8)
    parts = {}
    for index, gate in enumerate("zrn"):
        columns = slice(3 * index, 3 * index + 3)
        a = b.add("MatMul", [x, b.weights(f"wx{gate}", wx[:, columns], 0.125)], f"a{gate}")
        c = b.add("MatMul", [h, b.weights(f"wh{gate}", wh[:, columns], 0.125)], f"c{gate}")
        parts[gate] = (a, c)
    gates = {}
    for gate in "zr":
        total = b.add("Add", parts[gate], f"s{gate}")
        gates[gate] = b.quant(b.add("Sigmoid", [total], f"g{gate}"), f"q{gate}", 1 / 64, 8)
    qc = b.quant(parts["n"][1], "qcn", 1 / 32, 8)
    reset = b.quant(b.add("Mul", [gates["r"], qc], "rn"), "qrn", 1 / 32, 8)
    qa = b.quant(parts["n"][0], "qan", 1 / 32, 8)
    new = b.quant(b.add("Tanh", [b.add("Add", [qa, reset], "sn")], "tn"), "qn", 1 / 64, 8)
    kept = b.quant(b.add("Sub", [h, new], "d"), "qd", 1 / 64, 8)
    moved = b.quant(b.add("Mul", [gates["z"], kept], "zd"), "qzd", 1 / 64, 8)
    b.quant(b.add("Add", [new, moved], "hn"), "y", 1 / 64, 8)
    b.add("Identity", ["y"], "h_out")
    return b.model({"x": [1, 4], "h": [1, 3]}, ["y", "h_out"])


def lstm(wx, wh):
    """A long short-term memory without biases: gates and hidden state of 8 bits, cell of 10 bits.

    Args:
        wx: integers [4, 12], for input, forget, output and cell in turn.
        wh: integers [3, 12].
    """
    b = Builder()
    x, h = b.quant("x", "qx", 0.125, 6), b.quant("h", "qh", 1 / 64, 8)
    cell = b.quant("c", "qc", 1 / 64, 10)
    gates = {}
    for index, gate in enumerate("ifog"):
        columns = slice(3 * index, 3 * index + 3)
        a = b.add("MatMul", [x, b.weights(f"wx{gate}", wx[:, columns], 0.125)], f"a{gate}")
        r = b.add("MatMul", [h, b.weights(f"wh{gate}", wh[:, columns], 0.125)], f"r{gate}")
        total = b.add("Add", [a, r], f"s{gate}")
        function = "Tanh" if gate == "g" else "Sigmoid"
        gates[gate] = b.quant(b.add(function, [total], f"f{gate}"), f"q{gate}", 1 / 64, 8)
    kept = b.quant(b.add("Mul", [gates["f"], cell], "fc"), "qfc", 1 / 64, 10)
    new = b.quant(b.add("Mul", [gates["i"], gates["g"]], "ig"), "qig", 1 / 64, 10)
    left = b.quant(b.add("Add", [kept, new], "cn"), "c_out", 1 / 64, 10)
    shown = b.quant(b.add("Tanh", [left], "tc"), "qtc", 1 / 64, 8)
    b.quant(b.add("Mul", [gates["o"], shown], "hn"), "y", 1 / 64, 8)
    b.add("Identity", ["y"], "h_out")
    return b.model({"x": [1, 4], "h": [1, 3], "c": [1, 3]}, ["y", "h_out", "c_out"])
