"""What a network takes, and how fast it is, in given foldings."""

from msgspec.structs import replace
from xdsl.dialects.builtin import ModuleOp

from qcompiler.analysis.area.estimate import Area
from qcompiler.analysis.area.process_area import process_area
from qcompiler.analysis.foldable_layers import foldable_layers
from qcompiler.analysis.network import Network
from qcompiler.devices.delays import DelayModel
from qcompiler.dialects import stream
from qcompiler.folding.adapters import insert_width_adapters
from qcompiler.folding.budget import Budget, Foldings, Trial
from qcompiler.folding.fifos import size_fifos
from qcompiler.folding.fold import fold
from qcompiler.folding.memories import spare_blocks
from qcompiler.folding.pipelines import form_pipelines
from qcompiler.folding.registers import put_registers
from qcompiler.folding.turns import take_turns


def evaluate(module: ModuleOp, foldings: Foldings, budget: Budget, model: DelayModel) -> Trial:
    """Returns cycles and estimated area of a network in given foldings.

    It is a function of its arguments alone and changes none of them; they and the result can be
    pickled, so that another process can evaluate.

    Args:
        module: at the stream level, with a core.
        foldings: one of each layer, by name.
        budget: whose family the area is estimated for.
        model: of the delays that registers follow from.
    """
    return _evaluated(folded(module, foldings, model, budget), foldings, budget)


def evaluate_within(
    module: ModuleOp, foldings: Foldings, budget: Budget, model: DelayModel
) -> Trial | None:
    """Returns what `evaluate` does, or None as soon as what is counted breaks the budget."""
    network = folded(module, foldings, model, budget)
    if _breaks(network, budget):
        return None
    trial = _evaluated(network, foldings, budget)
    return None if budget.excess(trial.area) else trial


def _breaks(network: Network, budget: Budget) -> bool:
    """Whether processes take too much that do not depend on how FIFOs are sized.

    Those that take most come first. Block memories do not count where tables may stand in for them.
    """
    if budget.has_tables:
        limits = {kind: most for kind, most in budget.limits.items() if kind != "BRAM"}
        budget = replace(budget, limits=limits)
    kept = [p for p in network.processes if not isinstance(p, stream.WindowSource)]
    area = Area()
    for process in sorted(kept, key=lambda p: not isinstance(p, stream.Foldable)):
        area += process_area(process, budget.family, dsp=budget.dsp)
        if budget.excess(area):
            return True
    return False


def _evaluated(network: Network, foldings: Foldings, budget: Budget) -> Trial:
    size_fifos(network)
    cycles = {name: process.cycles_per_frame for name, process in network.named()}
    slowest = max(cycles, key=lambda name: cycles[name])
    kept = spare_blocks(network, budget)
    return Trial(dict(foldings), cycles[slowest], slowest, kept.area, kept.before, kept.block_price)


def folded(module: ModuleOp, foldings: Foldings, model: DelayModel, budget: Budget) -> Network:
    """Returns a copy in foldings, with width adapters and registers but without FIFOs."""
    network = Network.of(module.clone())
    assert network is not None, "the caller looked"
    layers = foldable_layers(network)
    target = max((layers[name].cycles(f) for name, f in foldings.items()), default=1)
    fold(network, foldings, target)
    take_turns(network, target, budget)
    if budget.constants:
        form_pipelines(network)
    insert_width_adapters(network)
    put_registers(network, model)
    return network
