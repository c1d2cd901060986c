"""Where size-fifos puts a FIFO: beats that are taken in a run must not wait before an adapter."""

import numpy as np
import onnx
from transformer_models import attention

import qcompiler
from qcompiler.dialects import stream


def over_heads(proto):
    """The same attention, with a softmax over the heads."""
    (softmax,) = (node for node in proto.graph.node if node.op_type == "Softmax")
    del softmax.attribute[:]
    softmax.attribute.append(onnx.helper.make_attribute("axis", 1))
    return proto


def test_what_a_product_takes_in_a_run_waits_behind_the_adapter_that_joins_it(tmp_path):
    path = tmp_path / "attention.onnx"
    onnx.save(over_heads(attention(8, 16, 2, np.random.default_rng(0))), path)
    network = qcompiler.compile(path, cycles=512).network
    joined = [
        process
        for process in network.processes
        if isinstance(process, stream.MatMulOp)
        and isinstance(fifo := process.input.owner, stream.FifoOp)
        and isinstance(fifo.input.owner, stream.WidthAdapterOp)
    ]
    assert len(joined) == 2
