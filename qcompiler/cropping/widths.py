"""How many channels of each group stay, so that a share of all weights does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import lcm

from qcompiler.cropping.densities import shares
from qcompiler.cropping.groups import Channels, Group

_STEPS = 50


@dataclass(frozen=True)
class Widths:
    """How many channels stay.

    Attributes:
        channels: of the network.
        kept: of each group.
        densities: that were wished, by the layer's name.
    """

    channels: Channels
    kept: Mapping[Group, int]
    densities: Mapping[str, float]

    @property
    def outputs(self) -> dict[str, int]:
        """Output channels of each layer, by its name."""
        return {
            layer.name: sum(self.kept[span.group.root()] * span.elements for span in layer.made)
            for layer in self.channels.layers
        }

    @property
    def weights(self) -> int:
        """Weights that are left."""
        return sum(layer.left(self.kept) for layer in self.channels.layers)

    @property
    def all_weights(self) -> int:
        """Weights that there were."""
        return sum(layer.weights for layer in self.channels.layers)

    @property
    def share(self) -> float:
        """Of the weights, what is left."""
        return self.weights / self.all_weights


def smallest(channels: Channels, multiple: int = 1) -> Widths:
    """Returns as few channels as there can be: one each, or one multiple."""
    kept = {group: _width(group, 0.0, multiple) for group in channels.groups()}
    return Widths(channels, kept, {})


def within(
    channels: Channels, densities: Sequence[float], keep: float, multiple: int = 1
) -> Widths:
    """Returns as many channels as fit: the shares of densities times a common factor.

    Args:
        channels: of the network.
        densities: of its layers, in order.
        keep: share of all weights that stay, about and at most, in (0, 1].
        multiple: that widths are a multiple of, where it divides what there is.

    Raises:
        ValueError: `keep` is outside (0, 1], or less than the smallest crop; `multiple` is below 1.
    """
    if not 0 < keep <= 1:
        raise ValueError(f"keep must be a share of the weights, above 0 and at most 1, got {keep}")
    if multiple < 1:
        raise ValueError(f"widths must be multiples of 1 or more, got {multiple}")
    least = smallest(channels, multiple).share
    if keep < least:
        of = "one channel" if multiple == 1 else f"one channel, or {multiple} of them,"
        raise ValueError(f"keep must be at least {least:.2g}: {of} of each layer stays, got {keep}")
    layers, groups = channels.layers, channels.groups()
    free = [group for group in groups if not group.is_fixed]
    ends = [
        {free.index(end): power for end, power in layer.ends.items() if not end.is_fixed}
        for layer in layers
    ]
    share = dict(zip(free, shares(ends, densities, len(free)), strict=True))
    named = {layer.name: p for layer, p in zip(layers, densities, strict=True)}

    def made(factor: float) -> Widths:
        kept = {
            group: _width(group, min(1.0, factor * share.get(group, 1.0)), multiple)
            for group in groups
        }
        return Widths(channels, kept, named)

    low, high = 0.0, 1.0 / min([*share.values(), 1.0])
    allowed = keep * sum(layer.weights for layer in layers)
    if made(high).weights <= allowed:
        return made(high)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if made(middle).weights <= allowed else (low, middle)
    return made(low)


def _width(group: Group, share: float, multiple: int) -> int:
    if group.is_fixed:
        return group.channels
    step = lcm(group.parts, multiple)
    if group.channels % step:
        step = group.parts
    return min(group.channels, max(step, step * round(share * group.channels / step)))
