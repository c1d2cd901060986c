"""Width adapters where lanes do not meet: the pass insert-width-adapters."""

from math import lcm

from qcompiler.analysis.network import Network
from qcompiler.dialects import stream


def insert_width_adapters(network: Network) -> None:
    """Puts width adapters where a process takes another number of lanes than its channel has."""
    for process in network.processes:
        adapt_inputs(network, process)


def adapt_inputs(network: Network, process: stream.Process) -> None:
    """Puts width adapters before a process where it takes other lanes than its channels have."""
    for index, wanted in enumerate(process.wanted_lanes):
        _adapt(network, process, index, wanted)


def _adapt(network: Network, process: stream.Process, index: int, wanted: int) -> None:
    given = stream.channel_of(process.operands[index]).lanes.data
    for lanes in dict.fromkeys((lcm(wanted, given), wanted)):
        value = process.operands[index]
        if lanes == stream.channel_of(value).lanes.data:
            continue
        adapter = stream.WidthAdapterOp(value, lanes)
        adapter.location = process.location
        adapter.result.name_hint = value.name_hint
        network.core.body.block.insert_op_before(adapter, process)
        process.operands[index] = adapter.result
