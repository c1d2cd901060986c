"""Counts the integers in which a design's outputs differ from a reference's.

Integer outputs are compared as they are. Where an output is real, its integers are those that leave
the hardware: each is moved by one up and down, and the reference must lie nearer to our result than
to either neighbour's. So a wrong integer shows whatever its scale is, and the reference's float32
noise does not. Where the host mixes integers (a softmax), reals are compared, and it is said so.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from xdsl.ir import SSAValue

from benchmarks.zoo.vectors import Batch
from qcompiler.design import Design
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array, element_of
from qcompiler.interpreters import functions

_ELEMENTWISE = (
    qint.AffineOp, qint.DequantizeOp, qint.QuantizeOp, qint.ReshapeOp, qint.TransposeOp,
    nn.AddOp, nn.SubOp, nn.MulOp, nn.DivOp, nn.ReluOp, nn.ClipOp,
    nn.LeakyReluOp, nn.HardSigmoidOp, nn.HardSwishOp, nn.NegOp, nn.MinOp, nn.MaxOp,
    nn.ReshapeOp, nn.TransposeOp, nn.SliceOp, nn.DepthToSpaceOp, nn.BatchNormOp, nn.PReluOp,
)  # fmt: skip
_REAL_TOLERANCE = 1e-5
"""Of the largest magnitude: float32 noise of a softmax or mean on the host, for mixed reals."""
_ROUNDING = 8 * 2.0**-24


@dataclass
class Agreement:
    """What a comparison found; not one that was left out.

    Attributes:
        against: the reference.
        group: `golden`, `onnxruntime` or `qonnx`.
        vectors: compared.
        compared: integers (or reals, see `kind`).
        differ: of them.
        noise: further ones that differ, each explained by the reference's float32.
        kind: `integers`, or `reals` where the host mixes them.
        reason: why nothing was compared; empty if something was.
        notes: the first differences.
    """

    against: str
    group: str
    vectors: int = 0
    compared: int = 0
    differ: int = 0
    noise: int = 0
    kind: str = "integers"
    reason: str = ""
    notes: str = ""

    @property
    def equal(self) -> bool:
        """Whether something was compared and nothing differs."""
        return not self.reason and self.compared > 0 and self.differ == 0

    def as_json(self) -> dict[str, Any]:
        """Returns the fields."""
        return asdict(self)


@dataclass(frozen=True)
class Outputs:
    """A design's outputs on a batch: results, and the results of neighbouring integers."""

    core: tuple[Array, ...]
    results: tuple[Array, ...]
    below: tuple[Array, ...]
    above: tuple[Array, ...]


def outputs_of(design: Design, batch: Batch) -> Outputs:
    """Returns what the interpreter computes, in pieces that fit into memory."""
    largest = max(int(np.prod(a.shape[1:])) for a in batch.given)
    step = max(1, min(100, 400_000 // largest))
    pieces: list[tuple[tuple[Array, ...], ...]] = []
    names = design.names("inputs")
    for start in range(0, batch.count, step):
        given = batch.part(start, start + step).given
        core = design.core(design.quantize(dict(zip(names, given, strict=True))))
        lower = _dequantize(design, tuple(a - 1 for a in core))
        upper = _dequantize(design, tuple(a + 1 for a in core))
        piece = (core, tuple(design.dequantize(core)), lower, upper)
        pieces.append(tuple(for_each(arrays, len(given[0])) for arrays in piece))
    joined = [
        tuple(np.concatenate(parts) for parts in zip(*column, strict=True))
        for column in zip(*pieces, strict=True)
    ]
    return Outputs(*joined)


def for_each(arrays: tuple[Array, ...], count: int) -> tuple[Array, ...]:
    """Returns arrays with an entry for each of `count` vectors; a constant has one for all."""
    return tuple(np.broadcast_to(a, (count, *a.shape[1:])) if len(a) == 1 else a for a in arrays)


def _dequantize(design: Design, core: tuple[Array, ...]) -> tuple[Array, ...]:
    """Returns the tail of integers that may lie one outside their range."""
    types = [element_of(a.type) for a in functions(design.level("qint"))["tail"].args]
    inside = tuple(
        np.clip(a, t.lo.data, t.hi.data) if isinstance(t, qint.IntType) else a
        for a, t in zip(core, types, strict=True)
    )
    return tuple(design.dequantize(inside))


def compare(
    against: str, group: str, design: Design, ours: Outputs, theirs: tuple[Array, ...]
) -> Agreement:
    """Counts differences of the model's outputs."""
    found = Agreement(against, group, vectors=len(ours.results[0]))
    if len(theirs) != len(ours.results):
        found.reason = f"{len(theirs)} outputs there, {len(ours.results)} here"
        return found
    whole = _moves_integers_only(design)
    for index, (mine, other) in enumerate(zip(ours.results, theirs, strict=True)):
        if mine.size != other.size:
            found.reason = f"output {index} has {other.size} elements there, {mine.size} here"
            return found
        other = other.reshape(mine.shape)
        if mine.dtype.kind in "iu" or other.dtype.kind in "iu":
            wrong = other != mine
        elif whole:
            wrong = _nearer_elsewhere(
                mine, other.astype(np.float64), ours.below[index], ours.above[index]
            )
        else:
            found.kind = "reals"
            allowed = _REAL_TOLERANCE * max(1e-30, float(np.abs(other).max()))
            wrong = ~(np.abs(other.astype(np.float64) - mine) <= allowed)
        found.compared += mine.size
        found.differ += int(wrong.sum())
        if wrong.any() and not found.notes:
            at = tuple(int(i) for i in np.argwhere(wrong)[0])
            found.notes = f"output {index} at {list(at)}: {mine[at]:g} here, {other[at]:g} there"
    return found


def compare_core(against: str, ours: Outputs, theirs: tuple[Array, ...]) -> Agreement:
    """Counts differences of the integers that leave the hardware."""
    found = Agreement(against, "golden", vectors=len(ours.results[0]))
    for mine, other in zip(ours.core, theirs, strict=True):
        if mine.size != other.size:
            found.reason = f"{other.size} golden integers, {mine.size} leave the hardware"
            return found
        found.compared += mine.size
        found.differ += int((other.reshape(mine.shape) != mine).sum())
    return found


def _nearer_elsewhere(mine: Array, other: Array, below: Array, above: Array) -> Array:
    """Returns where `other` lies nearer to a neighbour's result than to `mine`."""
    error = np.abs(other - mine)
    steps = [np.abs(n.astype(np.float64) - mine) for n in (below, above)]
    steps = [np.where(s == 0, np.inf, s) for s in steps]  # saturated, or the end of the range
    smallest = np.minimum(*steps)
    smallest[~np.isfinite(smallest)] = 0
    return ~(error <= np.maximum(smallest / 2, _ROUNDING * np.abs(mine)))


def _moves_integers_only(design: Design) -> bool:
    """Whether each output element of the tail depends on one integer of the core."""
    tail = functions(design.level("qint"))["tail"]
    integers: set[SSAValue] = set(tail.args)
    for op in tail.body.block.ops:
        from_core = [v for v in op.operands if v in integers]
        if not from_core or not op.results:
            continue
        if not isinstance(op, _ELEMENTWISE) or len(from_core) > 1:
            return False
        integers.update(op.results)
    return True
