"""Chooses how much of each layer works in parallel: PE and SIMD of every matrix unit.

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
ones.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import log2
from pathlib import Path
from typing import Any, cast

from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from qcompiler.analysis.network import Network
from qcompiler.dialects import stream
from qcompiler.errors import ModelError, Problem

_DEFAULT_MULTIPLIERS = 64


@dataclass(frozen=True)
class Folding:
    """Parallelism of one matrix unit."""

    pe: int
    simd: int


def choose(op: stream.MvauOp, target_cycles: int) -> Folding:
    """Returns the folding with fewest multipliers that takes at most `target_cycles` a frame.

    Among equals, SIMD about twice PE: adders are cheaper than accumulators. The fastest folding if
    none is fast enough.
    """
    work = op.vectors * op.mh * op.mw
    best: tuple[tuple[int, float], Folding] | None = None
    for pe in stream.divisors(op.mh):
        for simd in stream.divisors(op.mw):
            if work > target_cycles * pe * simd and (pe, simd) != (op.mh, op.mw):
                continue
            rank = (pe * simd, abs(log2(simd / pe) - 1))
            if best is None or rank < best[0]:
                best = rank, Folding(pe, simd)
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


def _override(layers: Mapping[str, stream.MvauOp], chosen: dict[str, Folding], path: Path) -> None:
    problems: list[Problem] = []
    for name, factors in read_folding(path).items():
        op = layers.get(name)
        if op is None:
            known = ", ".join(layers)
            problems.append(
                Problem(f"{path}: {name}", "no such layer", f"the foldable layers are {known}")
            )
            continue
        folding = Folding(
            factors.get("PE", chosen[name].pe), factors.get("SIMD", chosen[name].simd)
        )
        for key, factor, extent in (("PE", folding.pe, op.mh), ("SIMD", folding.simd, op.mw)):
            if factor < 1 or extent % factor:
                legal = ", ".join(map(str, stream.divisors(extent)))
                problems.append(
                    Problem(
                        f"{path}: {name}",
                        f"{key} must divide {extent}, got {factor}",
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
        if isinstance(use.operation, stream.MvauOp):
            return use.operation.input_lanes
    channel = stream.channel_of(value).with_lanes(1)
    fits = [d for d in stream.divisors(channel.channels) if channel.beats <= target_cycles * d]
    return fits[0] if fits else channel.channels


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
        layers = {name: p for name, p in network.named() if isinstance(p, stream.MvauOp)}
        largest = max((p.vectors * p.mh * p.mw for p in layers.values()), default=1)
        target = self.target_cycles or max(1, largest // _DEFAULT_MULTIPLIERS)
        chosen = {name: choose(layer, target) for name, layer in layers.items()}
        if self.folding is not None:
            _override(layers, chosen, Path(self.folding))
        for name, layer in layers.items():
            layer.properties["pe"] = IntegerAttr(chosen[name].pe, i64)
            layer.properties["simd"] = IntegerAttr(chosen[name].simd, i64)
            _set_lanes(layer.result, chosen[name].pe)
        for value in network.inputs:
            _set_lanes(value, _input_lanes(value, target))
        for process in network.processes:
            if not isinstance(process, stream.MvauOp):
                _set_lanes(process.result, process.input_channel.lanes.data)
        network.update_type()
