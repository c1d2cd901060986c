"""Pattern of fold-scales for transposed convolutions: one convolution per place in a stride.

With stride s and dilation d, result u = i * s + k * d (before padding is cut off) at place r = u mod
s sees only the taps k with k * d = r (mod s), on the inputs i = (u - k * d) / s. So the places are
channels of one convolution over the inputs, which are interleaved afterwards, and no product with an
inserted zero is computed.
"""

import numpy as np
from msgspec import Struct
from xdsl.ir import Operation
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from qcompiler.arith.windows import Window
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.passes.fold_windows import (
    dequantized_sums,
    to_channels_first,
    to_channels_last,
)
from qcompiler.passes.rewriting import (
    accumulated,
    numerics_of,
    plain_dequantize,
    replace,
)


class _Geometry(Struct, frozen=True):
    """One entry per spatial dimension.

    Attributes:
        strides: of the transposed convolution.
        dilations: of it.
        kernel: its taps.
        reach: how many inputs before u // s a tap may lie.
        begin: elements that are cut off before the result.
        length: elements of the result.
        given: elements of the input.
    """

    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    kernel: tuple[int, ...]
    begin: tuple[int, ...]
    length: tuple[int, ...]
    given: tuple[int, ...]

    @staticmethod
    def of(op: nn.ConvTransposeOp) -> "_Geometry":
        """Returns the geometry of an operation."""
        window = op.window
        return _Geometry(
            window.strides,
            window.dilations,
            op.kernel_shape,
            window.pads_begin,
            shape_of(op.result.type)[2:],
            shape_of(op.input.type)[2:],
        )

    @property
    def reach(self) -> tuple[int, ...]:
        """How many inputs before u // s a tap may lie."""
        parts = zip(self.kernel, self.dilations, self.strides, strict=True)
        return tuple((k - 1) * d // s for k, d, s in parts)

    @property
    def window(self) -> Window:
        """The window of the convolution that computes all places."""
        ones = (1,) * len(self.strides)
        ends: list[int] = []
        for begin, length, stride, given in zip(
            self.begin, self.length, self.strides, self.given, strict=True
        ):
            ends.append(max(0, -(-(begin + length) // stride) - given))
        return Window(tuple(r + 1 for r in self.reach), ones, ones, self.reach, tuple(ends))


def _weights(array: Array, geometry: _Geometry, groups: int) -> Array:
    """Returns the weights of all places: [*kernel, channels / group, outputs, places]."""
    channels, outputs = array.shape[0], array.shape[1]
    per_group = channels // groups
    places = int(np.prod(geometry.strides, dtype=object))
    reach = geometry.reach
    shape = (*(r + 1 for r in reach), per_group, outputs * groups, places)
    result = np.zeros(shape, np.int64)
    for tap in np.ndindex(*geometry.kernel):
        offsets = [k * d for k, d in zip(tap, geometry.dilations, strict=True)]
        place = [o % s for o, s in zip(offsets, geometry.strides, strict=True)]
        at = [r - o // s for r, o, s in zip(reach, offsets, geometry.strides, strict=True)]
        index = int(np.ravel_multi_index(place, geometry.strides))
        taps = array[(slice(None), slice(None), *tap)].reshape(groups, per_group, outputs)
        for group in range(groups):
            some = slice(group * outputs, (group + 1) * outputs)
            result[(*at, slice(None), some, index)] += taps[group]
    return result


class ConvTransposePattern(RewritePattern):
    """conv_transpose(dequantize(x), dequantize(w)) as convolution, depth to space, and a cut."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.ConvTransposeOp, rewriter: PatternRewriter) -> None:
        x, w = plain_dequantize(op.input), plain_dequantize(op.weights)
        if x is None or w is None or x.channel_axis is not None:
            return
        constant = w.input.owner
        if not isinstance(constant, qint.ConstantOp):
            return
        if w.channel_axis not in (None, 1):
            return
        # Axis 1 counts the outputs of one group, and all groups share its scales.
        scales = np.tile(w.scale_array, 1 if w.channel_axis is None else op.groups)
        geometry = _Geometry.of(op)
        taps = _weights(constant.array, geometry, op.groups)
        # Outputs of a group lie together: with several groups, places vary fastest.
        mode = "DCR" if op.groups == 1 else "CRD"
        ordered = np.swapaxes(taps, -1, -2) if mode == "DCR" else taps
        weights = qint.ConstantOp(ordered.reshape(*taps.shape[:-2], -1))
        weights.result.name_hint = constant.result.name_hint
        first = to_channels_last(x.input)
        conv = accumulated(
            op, lambda: qint.ConvOp(first.result, weights.result, geometry.window, op.groups)
        )
        spread = qint.DepthToSpaceOp(conv.result, geometry.strides, mode)
        cut = self._cut(spread, geometry)
        last = to_channels_first(cut.results[0])
        reals = dequantized_sums(last.result, x.scale_array, scales, numerics_of(op))
        replace(rewriter, op, [first, weights, conv, spread, cut, last, *reals])

    @staticmethod
    def _cut(spread: qint.DepthToSpaceOp, geometry: _Geometry) -> Operation:
        shape = shape_of(spread.result.type)
        ends = [b + n for b, n in zip(geometry.begin, geometry.length, strict=True)]
        return qint.SliceOp(
            spread.result,
            [0, *geometry.begin, 0],
            [shape[0], *ends, shape[-1]],
            [1] * len(shape),
        )
