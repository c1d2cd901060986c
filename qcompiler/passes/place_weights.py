"""Says which weights are not in the hardware: in a memory beside it, or written by the host.

Before:
```mlir
func.func @main(%x : tensor<1x2x!qint.int<0, 3>>) -> tensor<1x1x!qint.int<-3, 3>> {
  %w = qint.constant dense<[[1], [-1]]> : tensor<2x1xi8> -> tensor<2x1x!qint.int<-1, 1>>
  %y = qint.matmul %x, %w : (tensor<1x2x!qint.int<0, 3>>, tensor<2x1x!qint.int<-1, 1>>) -> tensor<1x1x!qint.int<-3, 3>>
  func.return %y : tensor<1x1x!qint.int<-3, 3>>
}
```
After:
```mlir
// options: places="writable:-2:1"
func.func @main(%x : tensor<1x2x!qint.int<0, 3>>) -> tensor<1x1x!qint.int<-12, 6>> {
  %w = qint.constant {qint.place = "writable"} dense<[[1], [-1]]> : tensor<2x1xi8> -> tensor<2x1x!qint.int<-2, 1>>
  %y = qint.matmul %x, %w : (tensor<1x2x!qint.int<0, 3>>, tensor<2x1x!qint.int<-2, 1>>) -> tensor<1x1x!qint.int<-12, 6>>
  func.return %y : tensor<1x1x!qint.int<-12, 6>>
}
```
Options: `places` lists what `--weights` takes, with commas between: a place for all layers, `internal`,
`external` or `writable`; and `LAYER=PLACE` for one. `writable:LO:HI` declares which weights the host may
write; without, those of the type that the model gives them.

Requires: fold-scales; must run before fold-zero-points, whose offsets are sums of weights.
Keeps: every integer. Ranges of what is made with writable weights are those for all that may come.
Leaves alone: products of two activations, and products with several matrices, unless a layer is named.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from qcompiler.arith.ranges import IntRange
from qcompiler.dialects import qint
from qcompiler.errors import ModelError, Problem, suggestion
from qcompiler.passes.infer_ranges import widen_types
from qcompiler.provenance.sources import identifier, own_nodes, place_of
from qcompiler.weight_places import Place, read_places

_Product = qint.MatMulOp | qint.ConvOp


def _weights_of(op: _Product) -> qint.ConstantOp | None:
    """Returns the constant weights of a product, None of two activations."""
    owner = (op.rhs if isinstance(op, qint.MatMulOp) else op.weights).owner
    return owner if isinstance(owner, qint.ConstantOp) else None


def _products(module: ModuleOp) -> Iterator[_Product]:
    for function in module.ops:
        if isinstance(function, func.FuncOp):
            for op in function.walk():
                if isinstance(op, _Product) and _weights_of(op) is not None:
                    yield op


def _names(op: _Product) -> list[str]:
    """Returns what a layer goes by, first as the model calls it."""
    nodes = own_nodes(op)
    if not nodes:
        return [op.results[0].name_hint or ""]
    unit = identifier(nodes[0], "n")
    return [*nodes, unit, f"{unit}_mvau", f"{unit}_vvau"]


def _fits(op: _Product) -> bool:
    weights = _weights_of(op)
    return isinstance(op, qint.ConvOp) or (weights is not None and weights.array.ndim == 2)


@dataclass(frozen=True)
class PlaceWeightsPass(ModulePass):
    """Says which weights are not in the hardware."""

    name = "place-weights"
    places: str = ""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if not self.places:
            return
        every, named = read_places(self.places)
        products = list(_products(op))
        problems = _unknown(products, named)
        for product in products:
            given = next((name for name in _names(product) if name in named), None)
            place = every if given is None else named[given]
            if place.where is None or (given is None and not _fits(product)):
                continue
            problem = _place(product, place)
            if problem is not None:
                problems.append(problem)
        if problems:
            raise ModelError(problems)
        widen_types(op)


def _unknown(products: list[_Product], named: dict[str, Place]) -> list[Problem]:
    """Returns a problem for each layer that is named and that there is not."""
    known = {name: None for product in products for name in _names(product)}
    first = [_names(product)[0] for product in products]
    told = f"the layers with weights are {', '.join(first) or 'none'}"
    return [
        Problem(
            f"--weights {name}", "no layer with weights is called so", suggestion(name, first, told)
        )
        for name in named
        if name not in known
    ]


def _place(op: _Product, place: Place) -> Problem | None:
    """Marks the weights of a product, which become its own; returns what keeps it from that."""
    if not _fits(op):
        what = "it multiplies by several matrices, which take turns"
        return Problem(place_of(op), what, "leave its weights internal (--weights)")
    weights = _weights_of(op)
    assert weights is not None, "it is a product with weights"
    declared = qint.range_of(weights.result.type)
    if place.declared is not None:
        declared = place.declared
    lies = IntRange(int(weights.array.min()), int(weights.array.max()))
    if not declared.contains(lies):
        what = f"its weights lie in [{lies.lo}, {lies.hi}], beyond [{declared.lo}, {declared.hi}]"
        return Problem(place_of(op), what, f"declare {place.where}:{lies.lo}:{lies.hi} or more")
    own = _own(op, weights)
    own.place = place.where
    if own.is_written:
        made = qint.int_like(own.result.type, declared)
        Rewriter.replace_value_with_new_type(own.result, made)
    return None


def _own(op: _Product, weights: qint.ConstantOp) -> qint.ConstantOp:
    """Returns the weights of a product as a constant that nothing else reads."""
    if weights.result.has_one_use():
        return weights
    own = weights.clone()
    own.result.name_hint = weights.result.name_hint
    block = weights.parent_block()
    assert block is not None
    block.insert_op_after(own, weights)
    _read(op, own)
    return own


def _read(op: Operation, weights: qint.ConstantOp) -> None:
    op.operands[1] = weights.result
