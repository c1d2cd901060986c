"""Requantizers' forms once more, when it is known how many lanes they have and how many cycles."""

from msgspec.structs import replace

from qcompiler.analysis.area.estimate import Area
from qcompiler.analysis.area.process_area import process_area
from qcompiler.analysis.area.requantizers import DeviceCost
from qcompiler.analysis.network import Network
from qcompiler.analysis.requantizer_alternatives import other_forms
from qcompiler.dialects import qint, stream
from qcompiler.folding.budget import Budget
from qcompiler.folding.turns import becomes_pipeline, turns_of


def choose_forms(
    network: Network, target_cycles: int, budget: Budget, cost: DeviceCost, area: Area
) -> Area:
    """Gives requantizers another form that is equal where it takes less, within the budget.

    `select-requantizer` has to guess lanes and cycles, if no rate is asked for. The hardware of
    what ranks first is built and counted, and with its turns it has to take less.

    Args:
        network: folded, its products in turns.
        target_cycles: that a frame may take.
        budget: says what resources cost, and how many there are.
        cost: ranks forms on the device.
        area: of the network as it is.

    Returns:
        The area of the network as it is then.
    """
    for process in network.processes:
        if isinstance(process, stream.RequantizeOp) and not becomes_pipeline(process):
            area = _better(process, target_cycles, budget, cost, area)
    return area


def _better(
    process: stream.RequantizeOp, target_cycles: int, budget: Budget, cost: DeviceCost, area: Area
) -> Area:
    (scalar,) = process.scalar_body.operations
    if not isinstance(scalar, qint.RequantizerOp):
        return area
    x, lanes = process.input_channel.element.range, process.output_channel.lanes.data
    ranking = replace(cost, cycles=max(1, target_cycles // process.output_channel.beats))
    least = ranking.cost(scalar.requantizer, x, lanes)
    ranked = [(ranking.cost(form, x, lanes), form) for form in other_forms(scalar, x)]
    turns = process.turns
    before = process_area(process, budget.family, dsp=budget.dsp)
    for rank, form in sorted(ranked, key=lambda one: one[0]):
        if rank >= least:
            break
        other = qint.requantizer_op(form, scalar.input, scalar.range, None)
        other.location = scalar.location
        _put(process, other)
        process.turns = turns_of(process, target_cycles, budget)
        after = process_area(process, budget.family, dsp=budget.dsp)
        changed = area + (after - before)
        if budget.price(after) < budget.price(before) and _is_allowed(changed, area, budget):
            return changed
        _put(process, scalar)
        process.turns = turns
    return area


def _put(process: stream.RequantizeOp, scalar: qint.RequantizerOp) -> None:
    """Lets a process compute this."""
    (now,) = process.scalar_body.operations
    process.body.block.insert_op_before(scalar, now)
    now.results[0].replace_all_uses_with(scalar.result)
    now.detach()


def _is_allowed(changed: Area, area: Area, budget: Budget) -> bool:
    """Whether an area breaks no limit further than another."""
    before = budget.excess(area)
    return all(n <= before.get(kind, 0) for kind, n in budget.excess(changed).items())
