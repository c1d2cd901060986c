"""Gives processes their parallelism, and what stands between them the lanes that follow."""

from collections.abc import Mapping

from xdsl.dialects.builtin import IntegerAttr, i64

from qcompiler.analysis.foldable_layers import Folding, Layer, foldable_layers
from qcompiler.analysis.network import Network
from qcompiler.dialects import stream


def fold(network: Network, chosen: Mapping[str, Folding], target_cycles: int) -> None:
    """Gives every process its lanes; width adapters and FIFOs of an earlier folding go.

    Args:
        network: to change.
        chosen: folding of each of its foldable layers, by name.
        target_cycles: for the processes between them, which follow.
    """
    _drop_buffers(network)
    for name, layer in foldable_layers(network).items():
        _fold(layer, chosen[name])
    for value in network.inputs:
        stream.set_lanes(value, stream.reader_lanes(value, target_cycles))
    for process in network.processes:
        process.follow(target_cycles)
    network.update_type()


def _drop_buffers(network: Network) -> None:
    """Removes adapters and FIFOs, which belong to an earlier folding."""
    for process in network.processes:
        if process.is_buffer:
            process.results[0].replace_all_uses_with(process.operands[0])
            process.detach()
            process.erase()


def _fold(layer: Layer, folding: Folding) -> None:
    """Gives a process, and the sliding window before it, their lanes."""
    op, window = layer.op, layer.op.window
    op.fold(folding.pe, folding.simd)
    if folding.style is not None:
        op.style = folding.style
    if window is not None:
        stream.set_lanes(window.results[0], layer.lanes_of_window(folding))
        window.properties["groups"] = IntegerAttr(op.window_groups, i64)
