"""ONNX's LSTM and GRU between quantizers, and their integers by hand."""

import numpy as np
from onnx_models import F32, model, node

INPUTS, SIZE = 4, 3
GATES = {"LSTM": 4, "GRU": 3}
I8 = np.int8
SCALES = {
    "sx": F32(2**-4), "zx": I8(0), "sw": F32(2**-6), "zw": I8(0), "sy": F32(2**-7), "zy": I8(0),
}  # fmt: skip
STATES = {"LSTM": {"h": "h_out", "c": "c_out"}, "GRU": {"h": "h_out"}}


def parameters(kind, directions=1, seed=0, *, biased=True):
    """Weights as codes, biases as reals."""
    rng, rows = np.random.default_rng(seed), GATES[kind] * SIZE
    return {
        "w_q": rng.integers(-36, 37, (directions, rows, INPUTS)).astype(I8),
        "r_q": rng.integers(-36, 37, (directions, rows, SIZE)).astype(I8),
        "b": (rng.integers(-64, 64, (directions, 2 * rows)) / 128 * biased).astype(F32),
    }


def network(kind, given, *, steps=1, kept=True, weights=None, **attributes):
    """x -> quantizer -> node -> quantizer; states are inputs and outputs if `kept`.

    Args:
        kind: LSTM or GRU.
        given: of `parameters`.
        steps: of a frame.
        kept: one step and its states; else a sequence from the beginning.
        weights: scales and zero points, if they are other ones.
        attributes: of the node.
    """
    batch_first = attributes.get("layout", 0)
    states = list(STATES[kind]) if kept else []
    axis = {"axis": 1} if weights else {}
    nodes = [
        node("QuantizeLinear", ["x", "sx", "zx"], ["x_q"]),
        node("DequantizeLinear", ["x_q", "sx", "zx"], ["xr"]),
        node("DequantizeLinear", ["w_q", "sw", "zw"], ["w"], **axis),
        node("DequantizeLinear", ["r_q", "sr" if weights else "sw", "zw"], ["r"], **axis),
        node(kind, ["xr", "w", "r", "b", "", *states], ["all", *STATES[kind].values()],
             hidden_size=SIZE, **attributes),
        node("QuantizeLinear", ["all", "sy", "zy"], ["y_q"]),
        node("DequantizeLinear", ["y_q", "sy", "zy"], ["y"]),
    ]  # fmt: skip
    count = 2 if attributes.get("direction") == "bidirectional" else 1
    held = [1, count, SIZE] if batch_first else [count, 1, SIZE]
    inputs = {"x": [1, steps, INPUTS] if batch_first else [steps, 1, INPUTS]}
    inputs |= dict.fromkeys(states, held)
    outputs = ["y", *(STATES[kind].values() if kept else [])]
    proto = model(
        nodes, {**SCALES, **given, **(weights or {})}, inputs=inputs, outputs=outputs, opset=20
    )
    proto.ir_version = 10
    return proto


def on_grid(x, places, low, high):
    """Reals on a grid, halves to even."""
    return np.clip(np.rint(np.asarray(x) * 2.0**places), low, high) / 2.0**places


def part(x):
    return on_grid(x, 10, -(2**17), 2**17 - 1)


def total(x):
    return on_grid(x, 8, -(2**11), 2**11 - 1)


def sigmoid(x):
    return on_grid(1 / (1 + np.exp(-total(x))), 12, 0, 2**12)


def tanh(x):
    return on_grid(np.tanh(total(x)), 11, -(2**11), 2**11)


def hidden(x):
    return on_grid(x, 15, -(2**15), 2**15 - 1)


def cell(x):
    return on_grid(x, 11, -(2**19), 2**19 - 1)


def rows(matrix, gate):
    return matrix[gate * SIZE : (gate + 1) * SIZE]


def lstm_step(x, state, w, r, b):
    """The next hidden state and cell."""
    h, c = state
    bias = b[: 4 * SIZE] + b[4 * SIZE :]

    def gate(index, function):
        return function(part(rows(w, index) @ x + rows(bias, index)) + part(rows(r, index) @ h))

    left = cell(gate(0, sigmoid) * gate(3, tanh))
    left = cell(cell(gate(2, sigmoid) * c) + left)
    return hidden(gate(1, sigmoid) * tanh(left)), left


def gru_step(x, state, w, r, b, *, linear_first):
    """The next hidden state."""
    (h,) = state
    own, its = b[: 3 * SIZE], b[3 * SIZE :]

    def taken(index, bias):
        return part(rows(w, index) @ x + rows(bias, index))

    update, reset = (
        sigmoid(taken(index, own + its) + part(rows(r, index) @ h)) for index in (0, 1)
    )
    if linear_first:
        given = part(reset * part(rows(r, 2) @ h + rows(its, 2)))
        new = tanh(taken(2, own) + given)
    else:
        new = tanh(taken(2, own + its) + part(rows(r, 2) @ hidden(reset * h)))
    moved = on_grid(update * (h - new), 15, -(2**16), 2**16 - 1)
    return (hidden(new + moved),)


def by_hand(kind, given, codes, *, linear_first=False, direction=0, scale=2**-6):
    """Codes of y for codes of x, [steps, SIZE], from states of 0."""
    w, r = (given[name][direction] * scale for name in ("w_q", "r_q"))
    b = given["b"][direction].astype(np.float64)
    state, made = (np.zeros(SIZE),) * len(STATES[kind]), []
    for x in codes / 16:
        if kind == "LSTM":
            state = lstm_step(x, state, w, r, b)
        else:
            state = gru_step(x, state, w, r, b, linear_first=linear_first)
        made.append(np.clip(np.rint(state[0] * 128), -128, 127))
    return np.array(made)
