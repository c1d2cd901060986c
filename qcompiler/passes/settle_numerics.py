"""Takes `exact` numerics where onnxruntime has no arithmetic that integers can follow bit for bit.

Before:
```mlir
builtin.module attributes {qint.numerics = "onnxruntime"} {
  func.func @main(%a : tensor<1x2x!qint.int<0, 65535>>) -> tensor<1x1x!qint.int<0, 65535>> {
    %v = qint.constant dense<[[1], [2]]> : tensor<2x1xi8> -> tensor<2x1x!qint.int<1, 2>>
    %x = qint.dequantize %a {scale = 0.5 : f32, zero_point = 0 : i64} : (tensor<1x2x!qint.int<0, 65535>>) -> tensor<1x2xf32>
    %w = qint.dequantize %v {scale = 0.25 : f32, zero_point = 0 : i64} : (tensor<2x1x!qint.int<1, 2>>) -> tensor<2x1xf32>
    %y = nn.matmul %x, %w : (tensor<1x2xf32>, tensor<2x1xf32>) -> tensor<1x1xf32>
    %q = qint.quantize %y {scale = 1.0 : f32, zero_point = 0 : i64, rounding = "half_even"} : (tensor<1x1xf32>) -> tensor<1x1x!qint.int<0, 65535>>
    func.return %q : tensor<1x1x!qint.int<0, 65535>>
  }
}
```
After:
```mlir
builtin.module attributes {qint.numerics = "onnxruntime", qcompiler.notes = ["numerics onnxruntime has no integer kernel for 16-bit codes at %y (nn.matmul); the exact real result is rounded there instead"]} {
  func.func @main(%a : tensor<1x2x!qint.int<0, 65535>>) -> tensor<1x1x!qint.int<0, 65535>> {
    %v = qint.constant dense<[[1], [2]]> : tensor<2x1xi8> -> tensor<2x1x!qint.int<1, 2>>
    %x = qint.dequantize %a {scale = 0.5 : f32, zero_point = 0 : i64, qint.numerics = "exact"} : (tensor<1x2x!qint.int<0, 65535>>) -> tensor<1x2xf32>
    %w = qint.dequantize %v {scale = 0.25 : f32, zero_point = 0 : i64, qint.numerics = "exact"} : (tensor<2x1x!qint.int<1, 2>>) -> tensor<2x1xf32>
    %y = nn.matmul %x, %w {qint.numerics = "exact"} : (tensor<1x2xf32>, tensor<2x1xf32>) -> tensor<1x1xf32>
    %q = qint.quantize %y {scale = 1.0 : f32, zero_point = 0 : i64, rounding = "half_even", qint.numerics = "exact"} : (tensor<1x1xf32>) -> tensor<1x1x!qint.int<0, 65535>>
    func.return %q : tensor<1x1x!qint.int<0, 65535>>
  }
}
```
Requires: fold-constants (weights are integers).
Keeps: every value, up to the rounding of float32.
What is decided together are the real operations between two layers of quantizers: `exact` if codes of
more than 8 bits enter or leave them, or weights of another type than int8 and uint8 do, and where
onnxruntime computes in float32 what integers cannot follow: quotients of activations, and sums in an
order of its own, those of samples at positions that are computed, a transposed convolution, a convolution that something else than a bias and a cut follows.
Leaves alone: modules with `exact` numerics; what no quantizer follows, and what no integers enter:
that is the host's.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec import Struct, field
from xdsl.context import Context
from xdsl.dialects.builtin import AnyFloat, ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.traits import ConstantLike

from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import element_of
from qcompiler.passes.elementwise_steps import divides_activations
from qcompiler.provenance.notes import add_note
from qcompiler.provenance.sources import source_of

_CODES = 256
"""Of the 8 bits that integer kernels have."""

_SHOWN = 3


class _Group(Struct):
    """Real operations that hang together, without constants and what enters them."""

    operations: list[Operation] = field(default_factory=list[Operation])

    @property
    def entries(self) -> list[qint.DequantizeOp]:
        """What makes reals of integers, in order."""
        owners = (operand.owner for op in self.operations for operand in op.operands)
        found = [owner for owner in owners if isinstance(owner, qint.DequantizeOp)]
        return list(dict.fromkeys(found))

    @property
    def quantizers(self) -> list[qint.QuantizeOp]:
        """What makes integers of reals."""
        return [op for op in self.operations if isinstance(op, qint.QuantizeOp)]

    @property
    def only_moves(self) -> bool:
        """Whether codes come out as they went in, whatever the numerics."""
        scales = [one.scale_array for one in (*self.entries, *self.quantizers)]
        return not any(isinstance(op, _ARITHMETIC) for op in self.operations) and all(
            np.array_equal(scale, scales[0]) for scale in scales
        )

    def reason(self) -> tuple[str, Operation] | None:
        """Returns why float32 arithmetic cannot be followed here, and at which node, if so."""
        if not self.quantizers or not any(not _is_constant(entry) for entry in self.entries):
            return None
        first = next((op for op in self.operations if isinstance(op, _SUMS)), self.operations[0])
        for entry in self.entries:
            if qint.numerics_of(entry) == "exact":
                return "these weights", first
            size = qint.range_of(entry.input.type).size
            if size > _CODES and not _is_constant(entry) and not _counts(entry):
                return _width_words(size), first
            if size > _CODES and _is_constant(entry) and _is_weight(entry):
                return "these weights", first
        for quantizer in self.quantizers:
            if quantizer.range.size > _CODES:
                return _width_words(quantizer.range.size), first
        return self._float_convolution()

    def _float_convolution(self) -> tuple[str, Operation] | None:
        for op in self.operations:
            if divides_activations(op):
                return "a quotient of activations", op
            if isinstance(op, nn.SampleOp):
                return "samples at positions that are computed", op
            if isinstance(op, nn.ConvTransposeOp):
                return "transposed convolutions", op
            if isinstance(op, nn.ConvOp) and not _fused(op) and not _adds_integers(op):
                if _has_float_bias(op):
                    return "a convolution with a bias in floating point", op
                return "a convolution that no quantizer follows", op
        return None


_ARITHMETIC = (
    nn.Binary,
    nn.Unary,
    nn.MatMulOp,
    nn.ConvOp,
    nn.ConvTransposeOp,
    nn.AveragePoolOp,
    nn.ReduceMeanOp,
    nn.BatchNormOp,
)
_SUMS = (nn.MatMulOp, nn.ConvOp, nn.ConvTransposeOp)


def _width_words(size: int) -> str:
    return f"{(size - 1).bit_length()}-bit codes"


def _is_constant(entry: qint.DequantizeOp) -> bool:
    return isinstance(entry.input.owner, qint.ConstantOp)


def _counts(entry: qint.DequantizeOp) -> bool:
    """Whether integers stand for themselves: sums of an integer operation, cast to float."""
    return bool((entry.scale_array == 1).all()) and not entry.zero_point_array.any()


def _adds_integers(op: nn.ConvOp) -> bool:
    """Whether a convolution is one of integers, whose sums are then cast to float."""
    entries = [operand.owner for operand in op.operands]
    return all(isinstance(e, qint.DequantizeOp) and (e.scale_array == 1).all() for e in entries)


def _is_weight(entry: qint.DequantizeOp) -> bool:
    return any(isinstance(use.operation, _SUMS) for use in entry.result.uses)


def _fused(op: nn.ConvOp) -> bool:
    """Whether quantizers follow a convolution, after nothing but an integer bias and cuts."""
    users = list(_users(op.result))
    return bool(users) and all(isinstance(user, qint.QuantizeOp) for user in users)


def _has_float_bias(op: nn.ConvOp) -> bool:
    """Whether a constant that is not quantized is added to a convolution."""
    return any(isinstance(user, nn.AddOp) and _bias_of(user) for user in _users(op.result))


def _bias_of(add: nn.AddOp) -> bool:
    return any(
        isinstance(_below_reshapes(operand).owner, nn.ConstantOp) for operand in add.operands
    )


def _below_reshapes(value: SSAValue) -> SSAValue:
    while isinstance(value.owner, nn.ReshapeOp):
        value = value.owner.input
    return value


def _users(value: SSAValue) -> Iterable[Operation]:
    """Yields what reads a value, looking through what the kernels of convolutions hold."""
    for use in value.uses:
        user = use.operation
        cut = isinstance(user, nn.ReluOp | nn.ClipOp)
        moved = isinstance(user, nn.ReshapeOp | nn.TransposeOp)
        if cut or moved or (isinstance(user, nn.AddOp) and _is_bias(user, value)):
            yield from _users(user.results[0])
        else:
            yield user


def _is_bias(add: nn.AddOp, value: SSAValue) -> bool:
    other = _below_reshapes(add.rhs if add.lhs is value else add.lhs)
    return isinstance(other.owner, qint.DequantizeOp) and _is_constant(other.owner)


def _groups(operations: Iterable[Operation]) -> Sequence[_Group]:
    """Returns real operations in groups that no integers separate."""
    group_of: dict[Operation, _Group] = {}
    for op in operations:
        if not _takes_reals(op) or op.has_trait(ConstantLike):
            continue
        owners = [o for operand in op.operands if isinstance(o := operand.owner, Operation)]
        met = {id(group_of[o]): group_of[o] for o in owners if o in group_of and _makes_reals(o)}
        into, *others = met.values() or [_Group()]
        for other in others:
            into.operations += other.operations
            group_of.update(dict.fromkeys(other.operations, into))
        into.operations.append(op)
        group_of[op] = into
    return list({id(group): group for group in group_of.values()}.values())


def _makes_reals(op: Operation) -> bool:
    return any(isinstance(element_of(result.type), AnyFloat) for result in op.results)


def _takes_reals(op: Operation) -> bool:
    return any(isinstance(element_of(operand.type), AnyFloat) for operand in op.operands)


def _make_exact(group: _Group) -> None:
    inside = set(group.operations)
    for entry in group.entries:
        if all(use.operation in inside for use in entry.result.uses):
            qint.set_numerics(entry, "exact")
            continue
        own = entry.clone()
        own.results[0].name_hint = entry.result.name_hint
        qint.set_numerics(own, "exact")
        Rewriter.insert_op(own, InsertPoint.after(entry))
        for use in list(entry.result.uses):
            if use.operation in inside:
                use.operation.operands[use.index] = own.results[0]
    for op in group.operations:
        qint.set_numerics(op, "exact")


@dataclass(frozen=True)
class SettleNumericsPass(ModulePass):
    """Takes `exact` numerics where integers cannot follow onnxruntime's float32 arithmetic."""

    name = "settle-numerics"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if qint.numerics_of(op) != "onnxruntime":
            return
        found: dict[str, list[str]] = {}
        for function in op.ops:
            for region in function.regions:
                for group in _groups(list(region.block.ops)):
                    reason = group.reason()
                    if reason is None:
                        continue
                    _make_exact(group)
                    if not group.only_moves:
                        found.setdefault(reason[0], []).append(source_of(reason[1]))
        for why, nodes in found.items():
            add_note(op, _note(why, list(dict.fromkeys(nodes))))


def _note(why: str, nodes: Sequence[str]) -> str:
    more = f" and {len(nodes) - _SHOWN} more" if len(nodes) > _SHOWN else ""
    return (
        f"numerics onnxruntime has no integer kernel for {why} at {', '.join(nodes[:_SHOWN])}{more}; "
        "the exact real result is rounded there instead"
    )
