"""Searches foldings: most frames a second within a budget, or least area at a rate.

For a number of cycles a frame, each layer takes the folding of least price that reaches it; prices
are resources weighed by how scarce they are. Areas of layers are guessed first. Then the network is
folded, with its adapters and FIFOs, and its area estimated in full; guesses are corrected by what
comes out, until the number of cycles stays.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice, product
from math import prod

from msgspec.structs import replace
from xdsl.dialects.builtin import ModuleOp

from qcompiler.analysis.area.estimate import Area, total
from qcompiler.analysis.area.process_area import process_area
from qcompiler.analysis.area.rough import LayerGuess
from qcompiler.analysis.foldable_layers import Folding, foldable_layers
from qcompiler.analysis.network import Network
from qcompiler.devices.delays import DelayModel
from qcompiler.dialects import stream
from qcompiler.folding.budget import Budget, Foldings, Trial
from qcompiler.folding.choices import Choices
from qcompiler.folding.evaluate import evaluate, evaluate_within, folded
from qcompiler.rtl.blocks.weight_codes import LOGIC

_GUESSED = stream.Foldable | stream.SlidingWindowOp | stream.WidthAdapterOp
"""What `LayerGuess` knows of, besides requantizers."""
_REWEIGHTINGS = 12
_WHOLE_SEARCH = 256
"""Networks with no more foldings than that are searched as a whole."""
_PROCESSES_A_SEARCH = 120
_LEAST_TRIALS = 2
_DOUBT = {"LUT": (1.0, 0), "FF": (1.0, 0), "BRAM": (0.15, 4), "DSP": (0.05, 8)}
"""How much guesses may be off once corrected by a trial: a share of the limit, and a number more.

What is further beyond a limit is not tried.
"""

_BLOCK_PRICE = 128.0
"""Look-up tables for a block memory, before a trial says: one that is filled by an eighth."""

_Key = tuple[tuple[str, Folding], ...]


@dataclass
class Search:
    """A search on one network.

    Attributes:
        module: at the stream level; it is not changed.
        budget: what may be taken.
        bound: foldings that layers must have one of; all of a layer's have the same style, which
            it has then, or none.
        model: of the delays that pipeline registers, whose area counts, follow from.
        logic: whether logic may multiply where hard multipliers do not suffice.
    """

    module: ModuleOp
    budget: Budget
    bound: Mapping[str, Sequence[Folding]] = field(default_factory=dict[str, list[Folding]])
    model: DelayModel = field(default_factory=lambda: DelayModel.of(None))
    logic: bool = False

    def __post_init__(self) -> None:
        network = Network.of(self.module)
        assert network is not None, "the caller looked"
        self._layers = foldable_layers(network)
        self._bus_cycles = network.least_bus_cycles
        rules = self.budget.rules
        self._multiplier = rules.multiplier
        self._options: dict[str, list[tuple[Folding, int, Area]]] = {}
        self._known_cycles: dict[tuple[str, int, int], int] = {}
        self._guesses = {
            name: LayerGuess(layer, rules, tuple(self.budget.prices.items()), self.budget.constants)
            for name, layer in self._layers.items()
        }
        self._areas: dict[tuple[str, Folding], Area] = {}
        self._changed: dict[tuple[str, Folding], list[tuple[Folding, Area]]] = {}
        for name, layer in self._layers.items():
            plain = self.bound.get(name, layer.foldings)
            foldings = [s for folding in plain for s in self._styles(name, folding)]
            self._options[name] = [
                (f, self._cycles(name, f), self._area(name, f)) for f in foldings
            ]
        self._known_choices: dict[tuple[str, int], Choices] = {}
        self._trials: dict[_Key, Trial] = {}
        self._refused: set[_Key] = set()
        self._most_trials = max(
            _LEAST_TRIALS, _PROCESSES_A_SEARCH // max(1, len(network.processes))
        )
        self._offset = dict.fromkeys(Area().as_dict(), 0)
        self._block_price = _BLOCK_PRICE
        self._tried_all = False

    @property
    def rates(self) -> list[int]:
        """Every number of cycles that some folding of some layer takes and all can reach."""
        least = max((min(c for _, c, _ in o) for o in self._options.values()), default=1)
        all_ = {c for options in self._options.values() for _, c, _ in options}
        reached = sorted(c for c in all_ if c >= least)
        # Below what the bus of weights takes, one is as fast as all.
        needless = sum(c < self._bus_cycles for c in reached) - 1
        return reached[max(0, needless) :]

    def trial(self, foldings: Foldings) -> Trial:
        """Folds the network, and estimates it in full."""
        key = _key(foldings)
        if key not in self._trials:
            self._trials[key] = evaluate(self.module, foldings, self.budget, self.model)
        return self._trials[key]

    def _is_within(self, foldings: Foldings) -> bool:
        """Whether foldings are within the budget.

        Once others are, what is not can never be chosen: it is counted only as far as that shows.
        """
        key = _key(foldings)
        if key in self._trials or not self._any_within():
            return not self.budget.excess(self.trial(foldings).area)
        if key not in self._refused:
            trial = evaluate_within(self.module, foldings, self.budget, self.model)
            if trial is None:
                self._refused.add(key)
            else:
                self._trials[key] = trial
        return key not in self._refused

    def guess(self, target_cycles: int, weights: Mapping[str, float]) -> tuple[Foldings, Area]:
        """Returns the cheapest foldings that reach a number of cycles, and their area, guessed.

        They have styles only if hard multipliers do not suffice.
        """
        plain = self._cheapest(target_cycles, weights, styles=False)
        if self._corrected(plain[1]).dsps <= self._most_multipliers:
            return plain
        return self._styled(*self._cheapest(target_cycles, weights, styles=True))

    def _cheapest(
        self, target_cycles: int, weights: Mapping[str, float], *, styles: bool
    ) -> tuple[Foldings, Area]:
        chosen: dict[str, Folding] = {}
        for name, options in self._options.items():
            choices = self._choices(name, target_cycles)
            chosen[name] = options[choices.cheapest(target_cycles, weights, styles=styles)][0]
        return chosen, self._guessed(chosen, target_cycles)

    def _choices(self, name: str, target_cycles: int) -> Choices:
        """Returns a layer's options, with what their requantizers take at a rate."""
        key = name, target_cycles
        if key not in self._known_choices:
            options, given = self._options[name], self._given_style(name)
            self._known_choices[key] = Choices.of(
                [cycles for _, cycles, _ in options],
                [area + self._behind(name, f, target_cycles) for f, _, area in options],
                [f.style in (given, None) for f, _, _ in options],
            )
        return self._known_choices[key]

    @property
    def _most_multipliers(self) -> float:
        return self.budget.limits.get("DSP", float("inf"))

    def _given_style(self, name: str) -> str | None:
        return self.bound[name][0].style if name in self.bound else None

    def _styled(self, chosen: Foldings, area: Area) -> tuple[Foldings, Area]:
        """Gives layers styles that save hard multipliers, as far as those do not suffice.

        The next one is always where a multiplier that is short costs least logic. At the end, those
        that turn out to be needless go.
        """
        most = self._most_multipliers
        found = dict(chosen)
        while (short := self._corrected(area).dsps - most) > 0:
            moves = [
                (change.luts / min(short, -change.dsps), name, style, change)
                for name in found
                for style, change in self._changes(name, found[name])
                if change.dsps < 0
            ]
            if not moves:
                break
            _, name, style, change = min(moves, key=lambda move: move[0])
            found[name] = style
            area += change
        for name in found:
            for style, change in self._changes(name, found[name]):
                dsps = self._corrected(area).dsps
                if change.luts < 0 and dsps + change.dsps <= max(most, dsps):
                    found[name] = style
                    area += change
                    break
        return found, area

    def _changes(self, name: str, folding: Folding) -> list[tuple[Folding, Area]]:
        """Returns the other styles that a layer may have, and by how much its area changes."""
        if (name, folding) not in self._changed:
            now = self._area(name, folding)
            others = (style for style in self._styles(name, folding) if style != folding)
            self._changed[name, folding] = [(s, self._area(name, s) - now) for s in others]
        return self._changed[name, folding]

    def _styles(self, name: str, folding: Folding) -> list[Folding]:
        """Returns a folding with every style that it may have; one that was given is alone."""
        if self._given_style(name) is not None:
            return [folding]
        styles = self._layers[name].styles(replace(folding, style=None), self._multiplier)
        return [style for style in styles if self.logic or style.style != LOGIC]

    def _behind(self, name: str, folding: Folding, target_cycles: int) -> Area:
        """Returns the guessed area of the requantizer behind a layer in a folding."""
        return self._guesses[name].requantizer(folding, target_cycles)

    def _area(self, name: str, folding: Folding) -> Area:
        """Returns the guessed area of a layer in a folding, without its requantizer."""
        if (name, folding) not in self._areas:
            self._areas[name, folding] = self._guesses[name].area(folding)
        return self._areas[name, folding]

    def cheapest(self, target_cycles: int) -> Foldings | None:
        """Returns foldings that reach a number of cycles within the budget, as far as guessed.

        If what is cheapest breaks a limit, that resource is made dearer, and so on.
        """
        weights = dict(self.budget.prices)
        for _ in range(_REWEIGHTINGS):
            chosen, area = self.guess(target_cycles, weights)
            excess = self._excess(area)
            if not excess:
                return chosen
            for kind in excess:
                weights[kind] = 2 * weights[kind] + 1e-9
        return None

    def _corrected(self, area: Area) -> Area:
        return Area.of({k: max(0, v + self._offset[k]) for k, v in area.as_dict().items()})

    def _excess(self, guessed: Area) -> dict[str, int]:
        """Returns by how much a guess breaks limits."""
        return self.budget.excess(self._traded(guessed))

    def _traded(self, guessed: Area) -> Area:
        """Returns a corrected guess, with tables for blocks that are too few if there are some."""
        area = self._corrected(guessed)
        short = self.budget.excess(area).get("BRAM", 0)
        traded = area + Area(luts=round(short * self._block_price), brams=-short)
        fits = self.budget.has_tables and "LUT" not in self.budget.excess(traded)
        return traded if fits else area

    def _learn(self, trial: Trial) -> None:
        """Corrects guesses by what a trial took more: what is not guessed changes little."""
        have = trial.before.as_dict()
        if trial.block_price is not None:
            self._block_price = trial.block_price
        for kind, number in self._guessed(trial.foldings).as_dict().items():
            self._offset[kind] = have[kind] - number

    def _look_ahead(self, foldings: Foldings) -> None:
        """Corrects guesses by what stands between layers: that is counted soon, and exactly."""
        network = folded(self.module, foldings, self.model, self.budget)
        target = self._slowest(foldings)
        guessed = (self._behind(name, folding, target) for name, folding in foldings.items())
        between = (p for p in network.processes if not isinstance(p, _GUESSED))
        have = (process_area(p, self.budget.family, dsp=self.budget.dsp) for p in between)
        self._offset = (total(have) - total(guessed)).as_dict()

    def _guessed(self, foldings: Foldings, target_cycles: int | None = None) -> Area:
        """Returns the guessed area of foldings, at the rate of the slowest if none is given."""
        target = target_cycles or self._slowest(foldings)
        units = total(self._area(name, folding) for name, folding in foldings.items())
        return units + total(self._behind(*one, target) for one in foldings.items())

    def _slowest(self, foldings: Foldings) -> int:
        """Returns the cycles of the slowest layer."""
        return max((self._cycles(name, f) for name, f in foldings.items()), default=1)

    def _cycles(self, name: str, folding: Folding) -> int:
        """Returns the cycles of a frame that a layer takes in a folding."""
        key = name, folding.pe, folding.simd
        if key not in self._known_cycles:
            self._known_cycles[key] = self._layers[name].cycles(folding)
        return self._known_cycles[key]

    def _least(self, target_cycles: int) -> Area:
        """Returns the least of each resource that any foldings take that reach a rate, guessed."""
        least = Counter[str]()
        for name, options in self._options.items():
            fast = [
                (area + self._behind(name, folding, target_cycles)).as_dict()
                for folding, cycles, area in options
                if cycles <= target_cycles
            ]
            least.update({kind: min(a[kind] for a in fast) for kind in self._offset})
        return Area.of(least)

    def _hopeless(self, guessed: Area) -> bool:
        """Whether a guess, corrected by the trials before, is far beyond a limit."""
        excess = self._excess(guessed)
        return any(
            number > _DOUBT[kind][0] * self.budget.limits[kind] + _DOUBT[kind][1]
            for kind, number in excess.items()
        )

    def is_hopeless(self, target_cycles: int) -> bool:
        """Whether no folding of that many cycles comes near the limits, by guesses alone."""
        guesses = (self.guess(target_cycles, weights)[1] for weights in self._weights())
        return all(map(self._hopeless, guesses))

    def _weights(self) -> Iterator[dict[str, float]]:
        """Yields the prices, and those with one of them so high that it is saved first."""
        plain = dict(self.budget.prices)
        yield plain
        for kind, price in plain.items():
            yield plain | {kind: 32 * price}

    def at_rate(self, target_cycles: int) -> Trial:
        """Returns the cheapest network found that reaches a number of cycles.

        One within the budget comes first; else the one that breaks it least.
        """
        trials = [self.trial(f) for f in self._candidates(target_cycles)]
        reached = [t for t in trials if t.cycles <= target_cycles] or trials
        return min(reached, key=lambda t: (self._breach(t.area), *self._cost(t)))

    def _cost(self, trial: Trial) -> tuple[int, float]:
        """Returns how many layers have styles, which only save multipliers, and the price."""
        styled = sum(
            folding.style != self._given_style(name) for name, folding in trial.foldings.items()
        )
        return styled, self.budget.price(trial.area)

    def _candidates(self, target_cycles: int) -> Iterable[Foldings]:
        every = self._every(target_cycles)
        if every is not None:
            return every
        plain = self.guess(target_cycles, self.budget.prices)[0]
        self._learn(self.trial(plain))
        within = self.cheapest(target_cycles)
        found = chain([plain], [within] if within else [], self._variations(target_cycles))
        return islice(found, self._most_trials)

    def _variations(self, target_cycles: int) -> Iterable[Foldings]:
        """Yields foldings that save a resource at the others' expense, or differ in one layer.

        Guesses do not know of width adapters: lanes that fit better are found by trying.
        """
        plain, *others = (self.guess(target_cycles, prices)[0] for prices in self._weights())
        yield from others
        for name, options in self._options.items():
            fast = [o for o in options if o[1] <= target_cycles]
            for other, _, _ in sorted(fast, key=lambda o: self.budget.price(o[2])):
                yield self._with_styles({**plain, name: other})

    def _every(self, target_cycles: int | None) -> list[Foldings] | None:
        """Returns all foldings and styles (that reach a number of cycles), if they are few."""
        per_layer = [
            [f for f, cycles, _ in options if target_cycles is None or cycles <= target_cycles]
            or [min(options, key=lambda o: o[1])[0]]
            for options in self._options.values()
        ]
        if prod(map(len, per_layer)) > _WHOLE_SEARCH:
            return None
        return [dict(zip(self._options, chosen, strict=True)) for chosen in product(*per_layer)]

    def _with_styles(self, chosen: Foldings) -> Foldings:
        """Returns foldings with styles, if hard multipliers do not suffice."""
        return self._styled(chosen, self._guessed(chosen))[0]

    def _breach(self, area: Area) -> float:
        """Returns by how much, relative to the limits, an area breaks them."""
        return sum(
            number / max(1, self.budget.limits[kind])
            for kind, number in self.budget.excess(area).items()
        )

    def fastest(self) -> Trial:
        """Returns the network with most frames a second within the budget, of these the cheapest.

        If there is none, the one that breaks the budget least.
        """
        every = self._every(None)
        if every is not None:
            trials: Sequence[Trial] = [self.trial(f) for f in every]
            self._tried_all = True
        else:
            trials = self._explore()

        def rank(trial: Trial) -> tuple[float, int, int, float]:
            return self._breach(trial.area), trial.cycles, *self._cost(trial)

        return min(trials, key=rank)

    def _explore(self) -> Sequence[Trial]:
        rates = self.rates
        low, high = 0, len(rates) - 1  # what is faster breaks the budget, what is slower need not
        at = self._first_within(rates, low)
        self._look_ahead(self._at(rates[at]))
        at = self._first_within(rates, low)
        while len(self._trials) < self._most_trials or not self._any_within():
            trial = self.trial(self._at(rates[at]))
            self._learn(trial)
            if self.budget.excess(trial.area):
                low = at + 1
            else:
                high = at
            if low > high:
                break
            following = min(self._first_within(rates, low), high)
            if following == at:
                break
            at = following
        self._polish(rates)
        return list(self._trials.values())

    def _at(self, rate: int) -> Foldings:
        return self.cheapest(rate) or self.guess(rate, self.budget.prices)[0]

    def _any_within(self) -> bool:
        return any(not self.budget.excess(trial.area) for trial in self._trials.values())

    def _polish(self, rates: Sequence[int]) -> None:
        """Tries other foldings at faster rates than the best within the budget, one by one."""
        while True:
            within = [t.cycles for t in self._trials.values() if not self.budget.excess(t.area)]
            faster = [rate for rate in rates if not within or rate < min(within)]
            if not faster or not self._fits(faster[-1]):
                return
            reached = [t.cycles for t in self._trials.values() if not self.budget.excess(t.area)]
            if within and min(reached) >= min(within):
                return  # something that no folding changes is slower

    def _fits(self, rate: int) -> bool:
        """Whether some variation at a rate is within the budget, as far as trials are left."""
        if self._hopeless(self._least(rate)):
            return False
        for foldings in self._variations(rate):
            if len(self._trials) + len(self._refused) >= self._most_trials:
                return False
            if self._hopeless(self._guessed(foldings)):
                continue
            if self._is_within(foldings):
                return True
        return False

    def _first_within(self, rates: Sequence[int], low: int) -> int:
        """Returns the place of the fastest rate from `low` on that fits, as far as guessed."""
        high = len(rates) - 1
        while low < high:
            middle = (low + high) // 2
            if self.cheapest(rates[middle]) is None:
                low = middle + 1
            else:
                high = middle
        return low

    def step(self, trial: Trial, *, up: bool) -> tuple[int, Area] | None:
        """Returns the next rate up (faster) or down, and the area that it takes.

        The area is guessed, unless all foldings were tried.
        """
        if self._tried_all:
            others = [t for t in self._trials.values() if self._is_beyond(t, trial, up=up)]
            if not others:
                return None
            rate = (max if up else min)(other.cycles for other in others)
            same = (other for other in others if other.cycles == rate)
            return rate, min(same, key=lambda t: (self._breach(t.area), *self._cost(t))).area
        self._learn(trial)
        if up:
            rates = [rate for rate in reversed(self.rates) if rate < trial.cycles]
        else:
            rates = [rate for rate in self.rates if rate > trial.cycles]
        for rate in rates:
            foldings, area = self.guess(rate, self.budget.prices)
            if any(trial.foldings[name] != folding for name, folding in foldings.items()):
                return rate, self._traded(area)
        return None

    def _is_beyond(self, other: Trial, here: Trial, *, up: bool) -> bool:
        """Whether a trial is faster, or slower and cheaper."""
        if up:
            return other.cycles < here.cycles
        cheaper = self.budget.price(other.area) < self.budget.price(here.area)
        return other.cycles > here.cycles and cheaper


def _key(foldings: Foldings) -> _Key:
    return tuple(sorted(foldings.items(), key=lambda item: item[0]))
