"""Elements in an order that is listed: one process, whatever the list."""

import numpy as np
import onnxruntime
import pytest
from onnx_models import model, node, save

import qcompiler
from qcompiler.dialects import stream

F32 = np.float32
CONSTANTS = {"s": F32(0.5), "z": np.int8(3), "ys": F32(1), "yz": np.int8(2), "c": F32(1.5)}
CASES = {
    "a shuffle": ((1, 8), 1, [5, 3, 1, 7, 0, 2, 4, 6]),
    "some, one twice": ((1, 8), 1, [6, 7, 6]),
    "pairs that stay": ((1, 8), 1, [4, 5, 0, 1, 6, 7]),
    "from the end": ((1, 5), 1, [-1, -5, 2]),
}


def network(shape, axis, order):
    nodes = [
        node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        node("Gather", ["d", "i"], ["g"], axis=axis),
        node("Mul", ["g", "c"], ["m"]),
        node("QuantizeLinear", ["m", "ys", "yz"], ["yq"]),
        node("DequantizeLinear", ["yq", "ys", "yz"], ["y"]),
    ]
    constants = {**CONSTANTS, "i": np.array(order, np.int64)}
    return model(nodes, constants, inputs={"x": shape})


@pytest.mark.parametrize("cycles", [None, 1, 4])
@pytest.mark.parametrize("case", CASES)
def test_gathered(tmp_path, case, cycles):
    shape, axis, order = CASES[case]
    path = save(network(shape, axis, order), tmp_path)
    design = qcompiler.compile(path, cycles=cycles, validate=True)
    kinds = [type(process) for process in design.network.processes]
    assert kinds.count(stream.GatherOp) == 1
    assert stream.SliceOp not in kinds
    assert stream.ConcatOp not in kinds
    x = F32(np.random.default_rng(0).integers(-140, 140, (6, *shape[1:])) / 2)
    session = onnxruntime.InferenceSession(str(path))
    expected = np.concatenate([session.run(None, {"x": frame[None]})[0] for frame in x])
    assert (design.predict(x) == expected).all()
    for stalls in (0.0, 0.4):
        integers = design.quantize(x)
        got, result = design.simulate_core(
            integers, stall_probability_in=stalls, stall_probability_out=stalls
        )
        assert (got[0].reshape(len(x), -1) == design.core(integers)[0].reshape(len(x), -1)).all()
        if not stalls:
            assert result.latency_cycles == design.timing.latency_cycles
            assert result.cycles_per_frame == design.timing.cycles_per_frame


def test_pieces_that_others_read_stay(tmp_path):
    nodes = [
        node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        node("Split", ["d"], ["a", "b"], axis=1, num_outputs=2),
        node("Concat", ["b", "a"], ["g"], axis=1),
        node("Concat", ["a", "g"], ["j"], axis=1),
        node("Mul", ["j", "c"], ["m"]),
        node("QuantizeLinear", ["m", "ys", "yz"], ["yq"]),
        node("DequantizeLinear", ["yq", "ys", "yz"], ["y"]),
    ]
    path = save(
        model(nodes, CONSTANTS, opset=18),
        tmp_path,
    )
    design = qcompiler.compile(path)
    x = F32(np.random.default_rng(0).integers(-140, 140, (9, 4)) / 2)
    session = onnxruntime.InferenceSession(str(path))
    expected = np.concatenate([session.run(None, {"x": frame[None]})[0] for frame in x])
    assert (design.simulate(x) == expected).all()
