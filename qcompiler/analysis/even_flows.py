"""What the analytic model says of a network that does compile, beside its exact schedules.

Cycles of a frame are the largest term of equation (8) of the model of transformers: products over
multiply-accumulates a cycle; or the beats of a channel, where those are more. For the latency that
equation counts one projection, and the slowest operation once a layer. What must be whole before
anything leaves it (heads, keys, values, lines, rows) and pipelines are not in it; so here a frame
is followed from the input to the output, each channel as an even flow: two numbers in place of
every beat.
"""

from dataclasses import dataclass

from qcompiler.analysis.network import Network
from qcompiler.analysis.throughput import Timing
from qcompiler.dialects.stream.channel import channel_of
from qcompiler.dialects.stream.flow import Flow
from qcompiler.dialects.stream.windows import Foldable


@dataclass(frozen=True)
class Product:
    """A product of a network.

    Attributes:
        name: its process.
        macs: multiply-accumulates of a frame.
        macs_per_cycle: at a time.
    """

    name: str
    macs: int
    macs_per_cycle: int

    @property
    def cycles(self) -> float:
        """A frame's."""
        return self.macs / self.macs_per_cycle


def products(network: Network) -> list[Product]:
    """Returns what multiplies, in the network's order."""
    units = [(name, p) for name, p in network.named() if isinstance(p, Foldable)]
    return [Product(name, p.work, p.macs_per_cycle) for name, p in units if p.macs_per_cycle]


def estimated_timing(network: Network) -> Timing:
    """Returns cycles of a frame, the slowest process, and latency, as the analytic model has it."""
    multiplying = {product.name: product.cycles for product in products(network)}
    cycles: dict[str, float] = {}
    for name, process in network.named():
        channels = (*process.input_channels, *process.output_channels)
        beats = max(channel.beats for channel in channels)
        cycles[name] = max(multiplying.get(name, 0), beats)
    slowest = max(cycles, key=lambda name: cycles[name])
    return Timing(round(cycles[slowest]), slowest, round(latency(network)))


def latency(network: Network) -> float:
    """Returns the cycles from the first beat of a frame that comes to the last that leaves."""
    flows = {value: Flow(0, channel_of(value).beats - 1) for value in network.inputs}
    for process in network.processes:
        made = process.flows([flows[operand] for operand in process.operands])
        flows |= zip(process.results, made, strict=True)
    return max(flows[value].last for value in network.outputs)
