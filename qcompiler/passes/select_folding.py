"""Chooses how much of each layer works in parallel: PE and SIMD of every matrix unit and reduction.

Before:
```mlir
stream.weights @w dense<1> : tensor<4x2xi8>
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [4], lanes = 1>) -> !stream.channel<!qint.int<0, 12>, frame = [2], lanes = 1> {
  %y = stream.mvau %x weights @w pe 1 simd 1 : (!stream.channel<!qint.int<0, 3>, frame = [4], lanes = 1>) -> !stream.channel<!qint.int<0, 12>, frame = [2], lanes = 1>
  func.return %y : !stream.channel<!qint.int<0, 12>, frame = [2], lanes = 1>
}
```
After:
```mlir
// options: target-cycles=1
stream.weights @w dense<1> : tensor<4x2xi8>
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [4], lanes = 4>) -> !stream.channel<!qint.int<0, 12>, frame = [2], lanes = 2> {
  %y = stream.mvau %x weights @w pe 2 simd 4 : (!stream.channel<!qint.int<0, 3>, frame = [4], lanes = 4>) -> !stream.channel<!qint.int<0, 12>, frame = [2], lanes = 2>
  func.return %y : !stream.channel<!qint.int<0, 12>, frame = [2], lanes = 2>
}
```
Requires: convert-qint-to-stream.
Keeps: every integer; only the number of cycles changes. Width adapters and FIFOs of an earlier
folding are removed: run insert-width-adapters and size-fifos afterwards.
Leaves alone: modules without a streaming core.

Options: `target-cycles` is the most cycles that a frame may take in any layer (0: the largest layer
gets 64 multipliers and the others follow); each layer takes the fewest multipliers that reach it.
`device` names a part, `max-luts`, `max-dsps` and `max-brams` are limits (0: none). With any of these,
areas are estimated: with `target-cycles`, the folding is the cheapest that reaches it; without, the one
with most frames a second within the limits. Of a device that comes without limits of its own, three
quarters of the LUTs are used, so that it can be routed. Where hard multipliers run out, two outputs share
one if it is wide enough (`pairs`), and with `multipliers=any` logic multiplies (`logic`). With `multipliers=shifts`, no weight takes a
hard multiplier: products are sums of at most three shifts (`shifts`), and it is an error if a weight has more
signed digits. Requantizers
multiply piece by piece where their channel leaves them the time and that is cheaper, and take another form that is equal, if that takes
less of the device with the lanes and cycles that they have now (not if `requantizer` names one); the search is repeated then. It is an error if nothing fits: the message says
what is short, by how much, and the best that fits. Areas are with the pipeline registers that `mhz` asks for.
`folding` names a JSON file `{"layer": {"PE": 4, "SIMD": 8, "style": "pairs"}}` whose entries override
the choice; the names are those of the report, a style is `pairs`, `logic` or `shifts`. Factors that do not divide the layer are an error that lists the legal
ones. With `pixels`, how many pack-pixels lets enter a clock, all of every layer is parallel; so it is
where a network of lines has a rate of more than one pixel a clock: then `pixels` follow from that. SIMD of a convolution divides the elements of its windows, of a group's channels; where they do
not come as channels of one tap or as a block of taps (a part of a kernel row that divides it, or whole
rows), a width adapter goes between. For `vvau` and `pool` SIMD counts the taps of such a block.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from msgspec.structs import replace
from xdsl.context import Context
from xdsl.dialects.builtin import DictionaryAttr, IntegerAttr, ModuleOp, StringAttr, i64
from xdsl.passes import ModulePass

from qcompiler.analysis.area.estimate import Area
from qcompiler.analysis.area.requantizers import DeviceCost
from qcompiler.analysis.foldable_layers import (
    CHOICE,
    Folding,
    Layer,
    choose,
    foldable_layers,
)
from qcompiler.analysis.network import Network
from qcompiler.devices import DEFAULT_DEVICE
from qcompiler.devices.delays import DEFAULT_MHZ, DelayModel
from qcompiler.dialects import stream
from qcompiler.errors import ModelError, Problem
from qcompiler.folding.budget import Budget, Trial
from qcompiler.folding.fold import fold
from qcompiler.folding.forms import choose_forms
from qcompiler.folding.pixels import PIXELS, pixels_of_rate, without_groups
from qcompiler.folding.search import Search
from qcompiler.folding.turns import take_turns
from qcompiler.json_files import read_json
from qcompiler.provenance.sources import own_nodes, place_of
from qcompiler.rtl.blocks.shift_codes import MOST_DIGITS, SHIFTS, fit_shifts
from qcompiler.rtl.blocks.weight_codes import LOGIC

_DEFAULT_MULTIPLIERS = 64


def read_folding(path: Path) -> dict[str, dict[str, Any]]:
    """Returns the entries of a folding file.

    Raises:
        ModelError: it cannot be read, or is not of the form {"layer": {"PE": n, "SIMD": m}}.
    """
    remedy = 'write a JSON object such as {"fc1_mvau": {"PE": 4, "SIMD": 8}}'
    try:
        content = read_json(path)
    except (OSError, ValueError) as error:
        said = str(error).removeprefix(f"{path.name}: ")  # the problem names the file already
        raise ModelError([Problem(str(path), f"cannot read the folding: {said}", remedy)]) from None
    if not isinstance(content, dict):
        raise ModelError([Problem(str(path), "the folding must be a JSON object", remedy)])
    entries = cast(dict[str, Any], content)
    entries.pop("Defaults", None)
    problems = [
        Problem(f"{path}: {name}", what, remedy)
        for name, factors in entries.items()
        for what in _faults(factors)
    ]
    if problems:
        raise ModelError(problems)
    return entries


def _faults(factors: Any) -> list[str]:
    """Returns what is wrong with the form of an entry."""
    if not isinstance(factors, dict):
        return [f"expected PE and SIMD as integers, got {factors}"]
    found: list[str] = []
    for key, value in cast(dict[str, Any], factors).items():
        kind = {"PE": int, "SIMD": int, "style": str}.get(key)
        if kind is None:
            found.append(f"there is no factor {key!r}, only PE, SIMD, style")
        elif type(value) is not kind:
            words = "a name" if kind is str else "an integer"
            found.append(f"expected {key} as {words}, got {value!r}")
    return found


def _bound(layers: Mapping[str, Layer], path: Path) -> dict[str, list[Folding]]:
    """Returns the foldings that a file leaves to the layers that it names."""
    bound: dict[str, list[Folding]] = {}
    problems: list[Problem] = []
    for written, factors in read_folding(path).items():
        name = next((n for n, la in layers.items() if written in _names(n, la)), written)
        layer = layers.get(name)
        if layer is None:
            known = ", ".join(layers)
            problems.append(
                Problem(f"{path}: {written}", "no such layer", f"the foldable layers are {known}")
            )
            continue
        if name in bound:
            problems.append(Problem(f"{path}: {written}", "named twice", "leave one of them"))
        bound[name] = []
        for key, factors_ in (("PE", layer.pe), ("SIMD", layer.simd)):
            factor = factors.get(key, factors_[0])
            if factor not in factors_:
                extent = max(factors_)
                legal = ", ".join(map(str, factors_))
                rule = f"must divide {extent}"
                if factor > 0 and extent % factor == 0:
                    rule = "must be all of a block of taps"
                problems.append(
                    Problem(
                        f"{path}: {written}",
                        f"{key} {rule}, got {factor}",
                        f"choose one of {legal}",
                    )
                )
        style = factors.get("style")
        if not layer.op.allows(factors.get("PE", 0), factors.get("SIMD", 0)):
            what = "all of its weights would be used in each cycle, but they come from elsewhere"
            remedy = "choose a smaller PE or SIMD, or leave its weights internal (--weights)"
            problems.append(Problem(f"{path}: {written}", what, remedy))
            continue
        fits = [
            replace(folding, style=style)
            for folding in layer.foldings
            if factors.get("PE", folding.pe) == folding.pe
            and factors.get("SIMD", folding.simd) == folding.simd
        ]
        legal_styles = {s: None for folding in fits for s in layer.legal_styles(folding)}
        bound[name] = [f for f in fits if style is None or style in layer.legal_styles(f)]
        if fits and not bound[name]:
            problems.append(
                Problem(
                    f"{path}: {written}",
                    f"style {style!r} is not one that {_factors(factors)} can have",
                    f"choose one of {', '.join(legal_styles)}" if legal_styles else "leave it out",
                )
            )
    if problems:
        raise ModelError(problems)
    return bound


def _by_shifts(
    layers: Mapping[str, Layer], bound: Mapping[str, list[Folding]]
) -> dict[str, list[Folding]]:
    """Returns foldings in which no weight takes a hard multiplier, of those that are left.

    Raises:
        ModelError: weights have too many digits; all such layers.
    """
    found = dict(bound)
    problems: list[Problem] = []
    for name, layer in layers.items():
        given = bound.get(name, layer.foldings)
        if layer.op.weights_op is None or given[0].style is not None:
            continue
        if not layer.op.allows(max(layer.pe), max(layer.simd)):
            found[name] = [replace(folding, style=LOGIC) for folding in given]
            continue  # others may come, which have more digits
        if not fit_shifts(layer.op.weights_op.array):
            what = f"weights have more than {MOST_DIGITS} signed digits, too many for shifts"
            remedy = f"train them with digits={MOST_DIGITS} or fewer, or use --multipliers any"
            problems.append(Problem(place_of(layer.op), what, remedy))
        found[name] = [
            replace(folding, style=SHIFTS) if SHIFTS in layer.legal_styles(folding) else folding
            for folding in given
        ]
    if problems:
        raise ModelError(problems)
    return found


def _require_own_weights(layers: Mapping[str, Layer]) -> None:
    """Refuses weights from elsewhere where each pixel of a beat has hardware of its own.

    Only where several pixels a clock were asked for: with such weights none follow from a rate.

    Raises:
        ModelError: there are some; all such layers.
    """
    problems = [
        Problem(
            place_of(layer.op),
            "with several pixels a clock its weights are constants of the hardware: they cannot "
            "come from elsewhere",
            "leave its weights internal (--weights), or leave out --pixels-per-clock",
        )
        for layer in layers.values()
        if not layer.op.allows(max(layer.pe), max(layer.simd))
    ]
    if problems:
        raise ModelError(problems)


def _require_time_for_weights(layers: Mapping[str, Layer], target_cycles: int) -> None:
    """Refuses a rate at which weights that are elsewhere would all be used in each cycle.

    Raises:
        ModelError: it is that high for some layers.
    """
    problems: list[Problem] = []
    for layer in layers.values():
        whole = Folding(max(layer.pe), max(layer.simd))
        if not target_cycles or layer.op.allows(whole.pe, whole.simd):
            continue
        least = min((layer.cycles(folding) for folding in layer.foldings), default=None)
        if least is not None and least <= target_cycles:
            continue
        what = (
            f"in {target_cycles} {'cycle' if target_cycles == 1 else 'cycles'} a frame all of its "
            "weights work at once, as constants of the hardware: they cannot come from elsewhere"
        )
        remedy = "leave its weights internal (--weights)"
        if least is not None:
            remedy = f"ask for at least {least} cycles (--cycles), or {remedy}"
        problems.append(Problem(place_of(layer.op), what, remedy))
    if problems:
        raise ModelError(problems)


def _names(process: str, layer: Layer) -> tuple[str, ...]:
    """Returns what a layer goes by: its process `fc1_mvau`, and the model's node."""
    return process, process.rpartition("_")[0], *own_nodes(layer.op)[:1]


def _factors(given: Mapping[str, Any]) -> str:
    """Returns the factors of an entry, in words."""
    return ", ".join(f"{key} {given[key]}" for key in ("PE", "SIMD") if key in given) or "the layer"


@dataclass(frozen=True)
class SelectFoldingPass(ModulePass):
    """Chooses how much of each layer works in parallel."""

    name = "select-folding"
    target_cycles: int = 0
    folding: str | None = None
    device: str | None = None
    mhz: float | int = DEFAULT_MHZ
    max_luts: int = 0
    max_dsps: int = 0
    max_brams: int = 0
    multipliers: str = "hard"
    pixels: int = 0
    requantizer: str = "auto"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        network = Network.of(op)
        if network is None:
            return
        pixels = self.pixels or self._pixels_of_rate(network)
        if pixels:
            network.core.attributes[PIXELS] = IntegerAttr(pixels, i64)
            without_groups(network)
        layers = foldable_layers(network)
        largest = max((layer.work for layer in layers.values()), default=1)
        target = self.target_cycles or max(1, largest // _DEFAULT_MULTIPLIERS)
        if pixels:
            _require_own_weights(layers)
            fold(network, {name: layer.widest for name, layer in layers.items()}, 1)
            return
        bound = {} if self.folding is None else _bound(layers, Path(self.folding))
        if self.multipliers == SHIFTS:
            bound = _by_shifts(layers, bound)
        _require_time_for_weights(layers, self.target_cycles)
        budget = Budget.of(
            self.device, luts=self.max_luts, dsps=self.max_dsps, brams=self.max_brams
        )
        if budget is None or not layers:
            chosen = {name: choose(la, target, bound.get(name)) for name, la in layers.items()}
            fold(network, chosen, target)
            self._end(network)
            return
        model = DelayModel.of(self.device, self.mhz)
        styles = {name: layer.op.style for name, layer in layers.items()}
        search, trial = self._searched(op, budget, bound, model)
        area = self._fold(network, trial, budget)
        if area != trial.area:  # with other forms, more may fit
            for name, layer in foldable_layers(network).items():
                layer.op.style = styles[name]
            search, other = self._searched(op, budget, bound, model)
            trial = min(search.trial(trial.foldings), other, key=lambda one: _rank(budget, one))
            area = self._fold(network, trial, budget)
        trial = replace(trial, area=area)
        self._check(search, trial)
        network.core.attributes[CHOICE] = _choice(search, trial)

    def _fold(self, network: Network, trial: Trial, budget: Budget) -> Area:
        """Folds a network as was found, and returns its area, with requantizers that suit."""
        layers = foldable_layers(network)
        slowest = max(layer.cycles(trial.foldings[name]) for name, layer in layers.items())
        fold(network, trial.foldings, slowest)
        self._end(network)
        if self.multipliers == SHIFTS:
            return trial.area
        take_turns(network, slowest, budget)
        if self.requantizer != "auto":
            return trial.area
        cost = DeviceCost.of(self.device or DEFAULT_DEVICE)
        return choose_forms(network, slowest, budget, cost, trial.area)

    def _end(self, network: Network) -> None:
        """Lets requantizers multiply as layers do."""
        for process in network.processes:
            if self.multipliers == SHIFTS and isinstance(process, stream.RequantizeOp):
                process.style = LOGIC

    def _pixels_of_rate(self, network: Network) -> int:
        given = (self.folding, self.max_luts, self.max_dsps, self.max_brams)
        return 0 if any(given) else pixels_of_rate(network, self.target_cycles)

    def _searched(
        self, op: ModuleOp, budget: Budget, bound: Mapping[str, list[Folding]], model: DelayModel
    ) -> tuple[Search, Trial]:
        """Returns a search and its result: logic multiplies by constants where all have to be.

        It has a module of its own, as folding this one changes it, and more may be searched then.
        """
        module = op.clone()
        tried: list[tuple[Search, Trial]] = []
        # Asked for a beat a clock, all are constants, as a folding file may ask for; asked for
        # less, none has to be.
        kinds = (False, True) if self.target_cycles == 1 or bound else (False,)
        limits = [replace(budget, constants=constants) for constants in kinds]
        searches = [Search(module, one, bound, model, self.multipliers == "any") for one in limits]
        if len(searches) > 1 and searches[0].is_hopeless(1):
            searches.reverse()  # a trial of very many multipliers takes long
        for search in searches:
            trial = search.at_rate(self.target_cycles) if self.target_cycles else search.fastest()
            if not self._is_late(trial) and not budget.excess(trial.area):
                return search, trial
            tried.append((search, trial))
        return min(tried, key=lambda one: sum(budget.excess(one[1].area).values()))

    def _is_late(self, trial: Trial) -> bool:
        return 0 < self.target_cycles < trial.cycles

    def _check(self, search: Search, trial: Trial) -> None:
        """Raises ModelError if a trial breaks the budget or misses the rate."""
        excess = search.budget.excess(trial.area)
        late = self._is_late(trial)
        if not excess and not late:
            return
        found: list[str] = []
        if excess:
            found.append(f"{_short(search, trial)} at {trial.cycles} cycles a frame")
        if late:
            found.append(
                f"{trial.bottleneck} takes {trial.cycles} cycles a frame, not {self.target_cycles}"
            )
        remedy = "choose a larger device or larger limits"
        best = search.fastest() if self.target_cycles else trial
        if not search.budget.excess(best.area):
            remedy += f", or ask for {best.cycles} cycles a frame, the best that fits"
        elif self.target_cycles:
            remedy += f"; nothing fits: the least is {_short(search, best)}"
        if {"BRAM", "LUT"} & excess.keys():  # memories are of either
            remedy += "".join(f"; {advice}" for advice in _memory_advice(search.module))
        if search.bound:
            remedy += ", or loosen the folding file"
        where = (self.device or "limits") if excess else "--cycles"
        raise ModelError([Problem(where, "; ".join(found), remedy)])


def _rank(budget: Budget, trial: Trial) -> tuple[int, int, float]:
    """Returns what the better one of two foldings has less of."""
    return sum(budget.excess(trial.area).values()), trial.cycles, budget.price(trial.area)


def _memory_advice(module: ModuleOp) -> list[str]:
    """Returns what would let processes keep less, by the names of their nodes."""
    network = Network.of(module)
    assert network is not None, "it was searched"
    advice = ((process, process.memory_advice) for process in network.processes)
    return [f"{place_of(process)}: {text}" for process, text in advice if text]


def _short(search: Search, trial: Trial) -> str:
    """Returns what is missing, in words."""
    area = trial.area.as_dict()
    return ", ".join(
        f"{number} {kind} too few ({area[kind]} of {search.budget.limits[kind]})"
        for kind, number in search.budget.excess(trial.area).items()
    )


def _choice(search: Search, trial: Trial) -> DictionaryAttr:
    """Returns what bounds a folding, and the next ones up and down, in words."""
    words = {"bottleneck": f"{trial.bottleneck}, {trial.cycles} cycles a frame"}
    for name, none in (
        ("up", "none, nothing is faster"),
        ("down", "none, nothing slower is smaller"),
    ):
        step = search.step(trial, up=name == "up")
        words[name] = none if step is None else f"{step[0]} cycles with {_described(step[1])}"
    words["area"] = _described(trial.area)
    return DictionaryAttr({name: StringAttr(text) for name, text in words.items()})


def _described(area: Area) -> str:
    return ", ".join(f"{number} {kind}" for kind, number in area.as_dict().items())
