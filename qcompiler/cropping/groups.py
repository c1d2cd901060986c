"""Which channels of a network belong together: what is removed of one is removed of all.

A *group* is a number of channels that several layers share: a convolution makes them, others and
normalizations take them, sums tie two groups to one. A tensor's channel axis is a row of *spans*:
the channels of a group, each of them so many elements (a flattened image has many).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import lcm, prod

import numpy as np

from qcompiler.arith.arrays import IntArray
from qcompiler.errors import Problem


@dataclass(eq=False)
class Group:
    """Channels that stay or go together.

    Attributes:
        channels: how many.
        parts: that the channels are divided into, each of which keeps as many as the others.
        is_fixed: whether all stay: those of the network's inputs and outputs.
        tied: the group that this one has become a part of.
    """

    channels: int
    parts: int = 1
    is_fixed: bool = False
    tied: "Group | None" = None

    def root(self) -> "Group":
        """Returns the group that stands for all that are tied."""
        return self if self.tied is None else self.tied.root()

    def tie(self, other: "Group") -> None:
        """Makes two groups one."""
        one, another = self.root(), other.root()
        if one is not another:
            one.parts = lcm(one.parts, another.parts)
            one.is_fixed |= another.is_fixed
            another.tied = one


@dataclass(frozen=True)
class Span:
    """The channels of a group, in an axis of a tensor.

    Attributes:
        group: of which these are.
        elements: of each channel.
    """

    group: Group
    elements: int = 1

    @property
    def size(self) -> int:
        """Elements of all channels."""
        return self.group.channels * self.elements


Spans = Sequence[Span]
Kept = Mapping[Group, IntArray]
"""Of each group: the channels that stay, rising."""


@dataclass(frozen=True)
class Taker:
    """A layer or a normalization: what has parameters of channels.

    Attributes:
        name: of the layer.
        taken: spans of the axis of its inputs.
        made: those of its outputs.
        weights: of a layer, 0 for a normalization.
        groups: of its channels.
    """

    name: str
    taken: Spans
    made: Spans
    weights: int = 0
    groups: int = 1

    @property
    def is_depthwise(self) -> bool:
        """Whether each channel has weights of its own, of no other channel."""
        return self.taken[0].group is self.made[0].group

    @property
    def ends(self) -> dict[Group, float]:
        """The groups that its weights grow with, and the power of the widths that they grow with.

        Where an axis has several spans, that of each is its part of the axis: so it is for shares
        of channels that are nearly equal.
        """
        found: dict[Group, float] = {}
        for spans in self._sides:
            whole = _size(spans, None)
            for span in spans:
                root = span.group.root()
                found[root] = found.get(root, 0.0) + span.size / whole
        return found

    def left(self, kept: Mapping[Group, int]) -> int:
        """Returns its weights, where of each group so many channels stay."""
        whole = prod(_size(spans, None) for spans in self._sides)
        return self.weights * prod(_size(spans, kept) for spans in self._sides) // whole

    @property
    def _sides(self) -> tuple[Spans, ...]:
        return (self.made,) if self.is_depthwise else (self.taken, self.made)


def _size(spans: Spans, kept: Mapping[Group, int] | None) -> int:
    return sum(
        (span.group.channels if kept is None else kept[span.group.root()]) * span.elements
        for span in spans
    )


def made_by_layer(given: Spans, outputs: int, groups: int) -> Spans | None:
    """Returns the spans that a layer makes; None if its groups do not fit what enters."""
    if groups == 1:
        return (Span(Group(outputs)),)
    span = given[0]
    if len(given) != 1 or span.elements != 1:
        return None
    if groups == span.group.channels:
        return (Span(span.group, outputs // groups),)
    root = span.group.root()
    root.parts = lcm(root.parts, groups)
    return (Span(Group(outputs, parts=groups)),)


def flattened(spans: Spans, elements: int) -> Spans:
    """Returns spans whose channels have so many elements each."""
    return tuple(Span(span.group, span.elements * elements) for span in spans)


def tie(given: Sequence[Spans]) -> bool:
    """Ties what meets element by element; returns whether it can meet."""
    first, *others = given
    for spans in others:
        if [(s.group.channels, s.elements) for s in spans] != [
            (s.group.channels, s.elements) for s in first
        ]:
            return False
        for one, other in zip(first, spans, strict=True):
            one.group.tie(other.group)
    return True


@dataclass
class Channels:
    """The groups of a network, and who has parameters of them.

    Attributes:
        takers: in order.
    """

    takers: list[Taker] = field(default_factory=list[Taker])

    @property
    def layers(self) -> list[Taker]:
        """Those with weights."""
        return [taker for taker in self.takers if taker.weights]

    def groups(self) -> list[Group]:
        """Returns all groups, those that are tied once."""
        spans = [span for taker in self.takers for span in (*taker.taken, *taker.made)]
        return list(dict.fromkeys(span.group.root() for span in spans))


def elements(spans: Spans, kept: Kept) -> IntArray:
    """Returns the elements of an axis that stay."""
    found: list[IntArray] = []
    start = 0
    for span in spans:
        channels = kept[span.group.root()]
        inside = np.arange(span.elements)
        found.append((start + channels[:, None] * span.elements + inside).ravel())
        start += span.size
    return np.concatenate(found).astype(np.int64)


def weights_left(values: np.ndarray, taker: Taker, kept: Kept) -> np.ndarray:
    """Returns weights [outputs, inputs of a group, ...] without channels that go."""
    made, taken = elements(taker.made, kept), elements(taker.taken, kept)
    if taker.is_depthwise:
        return values[made]
    inputs = taken.reshape(taker.groups, -1) % values.shape[1]
    rows = values[made].reshape(taker.groups, -1, *values.shape[1:])
    return np.concatenate([part[:, at] for part, at in zip(rows, inputs, strict=True)])


def of_group(group: Group, spans: Spans, values: np.ndarray) -> np.ndarray:
    """Returns the sum of what an axis has of each channel of a group."""
    total = np.zeros(group.channels)
    start = 0
    for span in spans:
        if span.group.root() is group:
            total += values[start : start + span.size].reshape(group.channels, -1).sum(axis=1)
        start += span.size
    return total


def best(group: Group, scores: np.ndarray, count: int) -> IntArray:
    """Returns the channels with the highest scores, as many of each part."""
    parts = scores.reshape(group.parts, -1)
    order = np.argsort(-parts, axis=1, kind="stable")[:, : count // group.parts]
    offsets = np.arange(group.parts)[:, None] * parts.shape[1]
    return (np.sort(order, axis=1) + offsets).ravel().astype(np.int64)


def strongest(
    counts: Mapping[Group, int], layers: Sequence[Taker], scores: Mapping[str, np.ndarray]
) -> Kept:
    """Returns the channels of each group that stay: those with the highest scores in and out.

    Args:
        counts: how many stay of each group.
        layers: that make or take the channels.
        scores: by a layer's name, of its weights: [outputs, inputs of a group, *kernel].
    """
    sums = {name: score.reshape(*score.shape[:2], -1).sum(axis=2) for name, score in scores.items()}
    kept: dict[Group, IntArray] = {}
    for group, count in counts.items():
        total = np.zeros(group.channels)
        for layer in layers:
            total += of_group(group, layer.made, sums[layer.name].sum(axis=1))
            if layer.groups == 1:
                total += of_group(group, layer.taken, sums[layer.name].sum(axis=0))
        kept[group] = best(group, total, count)
    return kept


def unknown(where: str, kind: str) -> Problem:
    """Returns the problem of something whose channels are not followed."""
    what = f"what {kind} does with channels is not known"
    remedy = "leave it out, or crop the parts of the model before and behind it"
    return Problem(where, what, remedy)
