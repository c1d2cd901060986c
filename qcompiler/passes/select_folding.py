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
`folding` names a JSON file `{"layer": {"PE": 4, "SIMD": 8}}` whose entries override the choice; the
names are those of the report. Factors that do not divide the layer are an error that lists the legal
ones. SIMD beyond the channels of a convolution's group takes several taps of its windows a beat, as
many as divide a kernel row, or whole rows; for `vvau` and `pool` SIMD counts taps.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import gcd, log2
from pathlib import Path
from typing import Any, TypeAlias, cast

from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from qcompiler.analysis.network import Network
from qcompiler.dialects import stream
from qcompiler.errors import ModelError, Problem

_DEFAULT_MULTIPLIERS = 64
Foldable: TypeAlias = stream.MvauOp | stream.VvauOp | stream.PoolOp
"""Processes whose parallelism is chosen; the others follow them."""


@dataclass(frozen=True)
class Folding:
    """Parallelism of one process."""

    pe: int
    simd: int


@dataclass(frozen=True)
class Layer:
    """A process whose parallelism can be chosen.

    Attributes:
        op: the process.
        work: cycles of a frame at PE = SIMD = 1.
        pe: legal factors for the outputs.
        simd: legal factors for the inputs; (1,) where each output has its own input.
        one_tap: the largest of them that needs no more than one tap of a sliding window a beat.
    """

    op: Foldable
    work: int
    pe: tuple[int, ...]
    simd: tuple[int, ...]
    one_tap: int

    @staticmethod
    def of(op: Foldable) -> "Layer":
        """Returns what can be chosen for a process."""
        window = op.input.owner
        blocks = window.window.tap_blocks if isinstance(window, stream.SlidingWindowOp) else []
        several = sorted(rows * columns for rows, columns in blocks)[1:]
        if isinstance(op, stream.MvauOp):
            inputs, outputs = op.matrix_shape
            work = op.vectors * op.mh * inputs
            if isinstance(window, stream.SlidingWindowOp):
                inputs = window.input_channel.channels // op.groups.value.data
            pe = stream.divisors(outputs)
        else:
            inputs = 1
            work = op.input_channel.with_lanes(1).beats
            pe = stream.divisors(op.output_channel.channels)
        simd = *stream.divisors(inputs), *(inputs * taps for taps in several)
        return Layer(op, work, tuple(pe), simd, inputs)

    def cycles(self, folding: Folding) -> int:
        """Returns the cycles of a frame, those that its sliding window's input takes included."""
        own = self.work // (folding.pe * folding.simd)
        window = self.op.input.owner
        if not isinstance(window, stream.SlidingWindowOp):
            return own
        matrix = isinstance(self.op, stream.MvauOp)
        lanes = min(folding.simd, self.one_tap) if matrix else folding.pe
        return max(own, window.input_channel.with_lanes(lanes).beats)

    def fold(self, folding: Folding) -> None:
        """Gives the process, and the sliding window before it, their lanes."""
        window = self.op.input.owner
        if isinstance(self.op, stream.MvauOp):
            self.op.properties["pe"] = IntegerAttr(folding.pe, i64)
        self.op.properties["simd"] = IntegerAttr(folding.simd, i64)
        _set_lanes(self.op.result, folding.pe)
        if isinstance(window, stream.SlidingWindowOp):
            _set_lanes(window.result, self.op.input_lanes)
            window.properties["groups"] = IntegerAttr(self.op.window_groups, i64)


def choose(layer: Layer, target_cycles: int) -> Folding:
    """Returns the folding with fewest multipliers that takes at most `target_cycles` a frame.

    Among equals, no more than one tap of a window a beat, which needs one memory; then SIMD about
    twice PE: adders are cheaper than accumulators. The fastest folding if none is fast enough.
    """
    best: tuple[tuple[int, int, bool, float], Folding] | None = None
    for pe in layer.pe:
        for simd in layer.simd:
            folding = Folding(pe, simd)
            late = max(0, layer.cycles(folding) - target_cycles)
            rank = (late, pe * simd, simd > layer.one_tap, abs(log2(simd / pe) - 1))
            if best is None or rank < best[0]:
                best = rank, folding
    assert best is not None
    return best[1]


def read_folding(path: Path) -> dict[str, dict[str, int]]:
    """Returns the entries of a folding file.

    Raises:
        ModelError: it cannot be read, or is not of the form {"layer": {"PE": n, "SIMD": m}}.
    """
    remedy = 'write a JSON object such as {"fc1_mvau": {"PE": 4, "SIMD": 8}}'
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(
            [Problem(str(path), f"cannot read the folding: {error}", remedy)]
        ) from None
    if not isinstance(content, dict):
        raise ModelError([Problem(str(path), "the folding must be a JSON object", remedy)])
    entries = cast(dict[str, Any], content)
    entries.pop("Defaults", None)
    problems = [
        Problem(f"{path}: {name}", f"expected PE and SIMD as integers, got {factors}", remedy)
        for name, factors in entries.items()
        if not _is_folding(factors)
    ]
    if problems:
        raise ModelError(problems)
    return entries


def _is_folding(factors: Any) -> bool:
    if not isinstance(factors, dict):
        return False
    pairs = cast(dict[str, Any], factors).items()
    return all(key in ("PE", "SIMD") and type(value) is int for key, value in pairs)


def _override(layers: Mapping[str, Layer], chosen: dict[str, Folding], path: Path) -> None:
    problems: list[Problem] = []
    for name, factors in read_folding(path).items():
        # Layers go by the model's node, too: `fc1` for the process `fc1_mvau`.
        name = next((n for n in layers if name in (n, n.rpartition("_")[0])), name)
        layer = layers.get(name)
        if layer is None:
            known = ", ".join(layers)
            problems.append(
                Problem(f"{path}: {name}", "no such layer", f"the foldable layers are {known}")
            )
            continue
        folding = Folding(
            factors.get("PE", chosen[name].pe), factors.get("SIMD", chosen[name].simd)
        )
        for key, factor, factors_ in (
            ("PE", folding.pe, layer.pe),
            ("SIMD", folding.simd, layer.simd),
        ):
            if factor not in factors_:
                extent = max(factors_)
                legal = ", ".join(map(str, factors_))
                rule = f"must divide {extent}"
                if factor > 0 and extent % factor == 0:
                    rule = "must be channels of one tap, or all of a block of taps"
                problems.append(
                    Problem(
                        f"{path}: {name}",
                        f"{key} {rule}, got {factor}",
                        f"choose one of {legal}",
                    )
                )
        chosen[name] = folding
    if problems:
        raise ModelError(problems)


def _drop_buffers(network: Network) -> None:
    """Removes adapters and FIFOs, which belong to an earlier folding."""
    for process in network.processes:
        if isinstance(process, stream.WidthAdapterOp | stream.FifoOp):
            process.result.replace_all_uses_with(process.input)
            process.detach()
            process.erase()


def _set_lanes(value: SSAValue, lanes: int) -> None:
    Rewriter.replace_value_with_new_type(value, stream.channel_of(value).with_lanes(lanes))


def _input_lanes(value: SSAValue, target_cycles: int) -> int:
    """Returns the lanes of an input of the network: what its first user takes a cycle."""
    for use in value.uses:
        user = use.operation
        if isinstance(user, stream.MvauOp | stream.SlidingWindowOp):
            return user.input_lanes
        if isinstance(user, stream.DuplicateOp):
            return max(_input_lanes(copy, target_cycles) for copy in user.results)
    return _enough_lanes(stream.channel_of(value), target_cycles)


def _enough_lanes(channel: stream.ChannelType, target_cycles: int) -> int:
    """Returns the fewest lanes that move a frame in the target cycles."""
    elements = channel.with_lanes(1).beats
    fits = [d for d in stream.divisors(channel.channels) if elements <= target_cycles * d]
    return fits[0] if fits else channel.channels


def _follow(process: stream.Process, target_cycles: int) -> None:
    """Gives a process without parallelism of its own the lanes of what feeds it."""
    if isinstance(process, stream.RequantizeOp | stream.ReshapeOp | stream.DuplicateOp):
        for result in process.results:  # a reshaped frame may have fewer channels
            given = process.input_channels[0].lanes.data
            _set_lanes(result, gcd(given, stream.channel_of(result).channels))
    elif isinstance(process, stream.ReorderOp | stream.SliceOp):
        _set_lanes(process.result, _moving_lanes(process, target_cycles))
    elif isinstance(process, stream.SlidingWindowOp) and not _is_folded(process):
        _set_lanes(process.result, process.input_channel.lanes.data)
    elif isinstance(process, stream.AddOp | stream.MulOp | stream.ConcatOp):
        (made,) = process.output_channels
        legal = gcd(*(channel.channels for channel in process.input_channels))
        least = _enough_lanes(made, target_cycles)
        given = sorted(channel.lanes.data for channel in process.input_channels)
        wanted = next((lanes for lanes in given if lanes >= least), least)
        fits = [d for d in stream.divisors(legal) if d >= wanted]
        _set_lanes(process.result, fits[0] if fits else legal)


def _is_folded(window: stream.SlidingWindowOp) -> bool:
    """Whether the lanes of a window are the business of the layer behind it."""
    return any(isinstance(use.operation, Foldable) for use in window.result.uses)


def _moving_lanes(process: stream.ReorderOp | stream.SliceOp, target_cycles: int) -> int:
    """Returns the lanes of the input, if legal and enough, or else the fewest that are."""
    legal = stream.divisors(process.largest_lanes)
    sizes = [process.input_channel.with_lanes(1).beats, process.output_channel.with_lanes(1).beats]
    enough = [d for d in legal if max(sizes) <= target_cycles * d]
    given = process.input_channel.lanes.data
    if given in enough:
        return given
    return enough[0] if enough else legal[-1]


@dataclass(frozen=True)
class SelectFoldingPass(ModulePass):
    """Chooses how much of each layer works in parallel."""

    name = "select-folding"
    target_cycles: int = 0
    folding: str | None = None

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        network = Network.of(op)
        if network is None:
            return
        _drop_buffers(network)
        layers = {n: Layer.of(p) for n, p in network.named() if isinstance(p, Foldable)}
        largest = max((layer.work for layer in layers.values()), default=1)
        target = self.target_cycles or max(1, largest // _DEFAULT_MULTIPLIERS)
        chosen = {name: choose(layer, target) for name, layer in layers.items()}
        if self.folding is not None:
            _override(layers, chosen, Path(self.folding))
        for name, layer in layers.items():
            layer.fold(chosen[name])
        for value in network.inputs:
            _set_lanes(value, _input_lanes(value, target))
        for process in network.processes:
            _follow(process, target)
        network.update_type()
