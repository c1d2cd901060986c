"""LSTM and GRU nodes: what is refused, and sequences, directions and layouts in the interpreter."""

import numpy as np
import pytest
from onnx_models import messages, save
from recurrent_nodes import GATES, INPUTS, SIZE, STATES, by_hand, network, parameters

import qcompiler


def codes_of(count, seed=1):
    return np.random.default_rng(seed).integers(-128, 128, (count, INPUTS))


def slow(*case):
    return pytest.param(*case, marks=pytest.mark.sweep)


@pytest.mark.parametrize(
    ("kind", "direction", "layout"),
    [
        ("GRU", "bidirectional", 1),
        slow("LSTM", "bidirectional", 0),
        slow("LSTM", "reverse", 0),
        slow("GRU", "reverse", 1),
        slow("GRU", "forward", 1),
        slow("LSTM", "forward", 0),
    ],
)
def test_a_short_sequence_is_written_out(kind, direction, layout, tmp_path):
    count, steps = 2 if direction == "bidirectional" else 1, 2
    given = parameters(kind, count)
    proto = network(kind, given, steps=steps, kept=False, direction=direction, layout=layout)
    design = qcompiler.compile(save(proto, tmp_path), cycles=1000)
    codes = codes_of(4 * steps).reshape(4, steps, INPUTS)
    wanted = np.zeros((4, steps, count, SIZE))
    for frame, index in np.ndindex(4, count):
        backward = direction == "reverse" or index == 1
        order = slice(None, None, -1) if backward else slice(None)
        made = by_hand(kind, given, codes[frame, order], direction=index)
        wanted[frame, :, index] = made[order]
    got = design.core([codes])[0]
    np.testing.assert_array_equal(got.reshape(wanted.shape), wanted)


def test_scales_of_each_row(tmp_path):
    given = parameters("LSTM")
    scale = np.float32(2.0 ** -np.random.default_rng(0).integers(5, 8, 4 * SIZE))
    weights = {"sw": scale, "sr": scale, "zw": np.zeros(4 * SIZE, np.int8)}
    path = save(network("LSTM", given, weights=weights), tmp_path)
    design = qcompiler.compile(path, states=STATES["LSTM"])
    codes = codes_of(50)
    wanted = by_hand("LSTM", given, codes, scale=scale[:, None].astype(np.float64))
    np.testing.assert_array_equal(design.core([codes])[0].reshape(50, SIZE), wanted)


@pytest.mark.sweep
def test_an_output_that_is_not_read_costs_nothing(tmp_path):
    design = qcompiler.compile(save(network("GRU", parameters("GRU"), kept=False), tmp_path))
    assert design.initial_states == []


def changed(kind, **attributes):
    return lambda: network(kind, parameters(kind), **attributes)


def extended(index, name, value):
    """A network whose node has one more input."""

    def build():
        proto = network("LSTM", {**parameters("LSTM"), name: value})
        cell = next(node for node in proto.graph.node if node.op_type == "LSTM")
        cell.input.extend([""] * (index + 1 - len(cell.input)))
        cell.input[index] = name
        return proto

    return build


def resized(name, shape):
    given = parameters("LSTM") | {name: np.zeros(shape, np.float32 if name == "b" else np.int8)}
    return lambda: network("LSTM", given)


REFUSED = [
    (extended(7, "p", np.zeros((1, 3 * SIZE), np.float32)), "peepholes (input P)"),
    (changed("LSTM", input_forget=1), "input_forget is not supported"),
    (changed("LSTM", direction="up"), "direction must be one of forward, reverse, bidirectional"),
    (changed("GRU", activations=["Relu", "Tanh"]), "activations must be sigmoid, tanh, got Relu"),
    (changed("LSTM", clip=3.0), "clip"),
    (changed("GRU", steps=33), "holds a sequence of 33 steps"),
    (extended(4, "n", np.array([2], np.int32)), "sequence_lens must be the length of X"),
    (resized("b", (1, 5)), "input 3 must have shape [1, 24], got [1, 5]"),
    (resized("r_q", (1, 4 * SIZE, 2)), "input 2 must have shape"),
    (changed("GRU", direction="bidirectional"), "must have shape [2, 9, 4]"),
]


@pytest.mark.parametrize(("build", "what"), REFUSED, ids=[case[1] for case in REFUSED])
def test_what_is_refused(build, what, tmp_path):
    (found,) = messages(build(), tmp_path)
    assert what in found
    assert "(ONNX LSTM)" in found or "(ONNX GRU)" in found


def test_several_sequences_at_a_time_are_refused(tmp_path):
    proto = network("GRU", parameters("GRU"))
    proto.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 2
    (found,) = messages(proto, tmp_path)
    assert "takes one sequence at a time, [steps, 1, inputs], got shape [1, 2, 4]" in found


def test_every_gate_has_its_rows():
    assert {kind: parameters(kind)["w_q"].shape[1] for kind in GATES} == {"LSTM": 12, "GRU": 9}
