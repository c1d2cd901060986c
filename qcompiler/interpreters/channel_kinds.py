"""Which channels of a scalar region are alike: work is done once for each kind.

An elementwise operation may lie along an axis of millions of elements and have one scale for all.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from qcompiler.arith.arrays import IntArray
from qcompiler.arith.requantizers import Requantizer, parameters_of, with_rows
from qcompiler.dialects import qint
from qcompiler.dialects.attributes import Array

KINDS_LIMIT = 2**16
"""Most kinds of channels: each is a function that is proven on its own."""

PARAMETERS_LIMIT = 2**22
"""Most numbers that a form has for all channels; hardware stores them."""


class ChannelKinds(Struct, frozen=True, eq=False):
    """A scalar region with one row of parameters for each kind of channels.

    Attributes:
        body: the region; a copy if there are fewer kinds than channels.
        count: of kinds.
        first: int64 [count], a channel of each kind.
        kind: int64 [channels], the kind of each; None where there is one, or one for each channel.
    """

    body: qint.ScalarBody
    count: int
    first: IntArray
    kind: IntArray | None

    @property
    def of_each(self) -> IntArray:
        """The kind of each channel; one number if there is one kind."""
        return np.arange(self.count, dtype=np.int64) if self.kind is None else self.kind

    def rows(self, form: Requantizer) -> Requantizer:
        """Returns a form of all channels.

        Args:
            form: of all kinds.

        Raises:
            ValueError: it would have too many numbers.
        """
        kind = self.kind
        if kind is None:
            return form
        numbers = parameters_of(form, kind.size)
        if numbers > PARAMETERS_LIMIT:
            raise ValueError(
                f"{kind.size} positions with parameters of their own take {numbers} numbers, at "
                f"most {PARAMETERS_LIMIT} allowed"
            )
        return with_rows(form, lambda rows: rows[kind])


def channel_kinds(body: qint.ScalarBody, channels: int, *given: IntArray) -> ChannelKinds:
    """Returns the kinds of channels that a region tells apart.

    Args:
        body: with parameters along an axis.
        channels: the axis' extent.
        given: further numbers [channels] that channels of one kind share.

    Raises:
        ValueError: they are too many.
    """
    arrays = [array for _, _, array in body.parameters]
    rows = [row for row in (*arrays, *given) if row.shape == (channels,)]
    varying = [row for row in rows if not bool((row == row[0]).all())]
    if not varying:
        first, kind = np.zeros(1, np.int64), None
        return ChannelKinds(body if channels == 1 else _copy(body, channels, first), 1, first, kind)
    if channels > PARAMETERS_LIMIT:
        raise ValueError(
            f"parameters vary over {channels} positions, at most {PARAMETERS_LIMIT} allowed"
        )
    first, kind = _grouped(varying)
    if first.size > KINDS_LIMIT:
        raise ValueError(
            f"parameters differ at {first.size} positions, and each is proven on its own: at most "
            f"{KINDS_LIMIT} allowed"
        )
    if first.size == channels:
        return ChannelKinds(body, channels, np.arange(channels, dtype=np.int64), None)
    return ChannelKinds(_copy(body, channels, first), first.size, first, kind)


def _grouped(rows: list[Array]) -> tuple[IntArray, IntArray]:
    """Returns a position of each kind, and the kind at each position."""
    kind = np.zeros(rows[0].shape, np.int64)
    first = np.zeros(1, np.int64)
    for row in rows:
        # Bits, not numbers: zeros of both signs differ. Python's integers have one zero.
        compared = row if row.dtype == object else row.view(f"i{row.itemsize}")
        _, value = np.unique(compared, return_inverse=True)
        kind *= int(value.max()) + 1
        kind += value
        _, first, kind = np.unique(kind, return_index=True, return_inverse=True)
    return first.astype(np.int64), kind.astype(np.int64)


def _copy(body: qint.ScalarBody, channels: int, first: IntArray) -> qint.ScalarBody:
    """Returns a region with the parameters of some channels."""
    region = body.block.parent_region()
    assert region is not None
    copy = qint.ScalarBody(region.clone().block)
    copy.keep_rows(channels, first)
    return copy
