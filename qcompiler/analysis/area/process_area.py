"""What a single process takes of a device, before the rest of the network is known."""

from collections.abc import Iterable
from typing import Any

from xdsl.ir import Block, Operation

from qcompiler.analysis.area.count import Counts, Estimator
from qcompiler.analysis.area.estimate import Area, area_of, total
from qcompiler.analysis.area.pipelines import pipeline_area
from qcompiler.analysis.network import Network
from qcompiler.devices.families import FAMILIES
from qcompiler.dialects import stream
from qcompiler.rtl.build import build_process, is_known
from qcompiler.rtl.streaming import Library

_KEPT = 4096
_known: dict[Any, Counts] = {}


def process_area(process: stream.Process, family: str, *, dsp: bool = True) -> Area:
    """Returns the resources of a process's module; equal processes are counted once.

    Processes without hardware, such as reshapes, take none. Without `dsp`, logic multiplies.
    """
    if not is_known(process):
        return Area()
    if isinstance(process, stream.PipelineOp) and not process.is_built:
        return pipeline_area(process)
    key = family, dsp, _configuration(process)
    if key not in _known:
        library = Library()
        build_process(library, "area", "block", process)
        if len(_known) >= _KEPT:
            _known.clear()
        rules = FAMILIES[family] if dsp else FAMILIES[family].without_multipliers()
        _known[key] = Estimator(library.modules, rules).count("block")
    return area_of(_known[key], family)


def network_area(network: Network, family: str, *, dsp: bool = True) -> Area:
    """Returns the resources of all processes of a network, see `process_area`."""
    kept = state_area(network, family, dsp=dsp)
    return kept + total(process_area(process, family, dsp=dsp) for process in network.processes)


def state_area(network: Network, family: str, *, dsp: bool = True) -> Area:
    """Returns the resources of what keeps the states of a network."""
    areas: list[Area] = []
    for state in network.states:
        flag = Block(arg_types=[stream.RESTART]).args[0]
        made = stream.channel_of(state.taken)
        keeper = stream.StateOp(flag, flag, state.initial, made)
        keeper.operands[0] = Block(
            arg_types=[stream.channel_of(state.left).with_lanes(made.lanes.data)]
        ).args[0]
        areas.append(process_area(keeper, family, dsp=dsp))
    return total(areas)


def _configuration(process: stream.Process) -> tuple[Any, ...]:
    """Returns everything that a process's module depends on."""
    weights = None
    if process.weights_op is not None:
        array = process.weights_op.array
        weights = array.shape, array.dtype.str, array.tobytes()
    bodies = (op for region in process.regions for block in region.blocks for op in block.ops)
    return type(process), _shape(process), tuple(_shapes(bodies)), weights


def _shape(op: Operation) -> tuple[Any, ...]:
    types = [value.type for value in (*op.operands, *op.results)]
    named = sorted((*op.properties.items(), *op.attributes.items()), key=lambda item: item[0])
    return op.name, tuple(named), tuple(types)


def _shapes(ops: Iterable[Operation]) -> Iterable[tuple[Any, ...]]:
    return (_shape(op) for op in ops)
