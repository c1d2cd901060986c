"""Why a network cannot be cut into a part for the host and one for hardware.

Real operations that touch make one region. What keeps a region from becoming integers is told at
the node that is the cause, once: an input or weights without a quantizer, a scale per input
channel, a result without a quantizer before the next layer, an operation that no hardware is built
for.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence

from msgspec import Struct
from xdsl.dialects.builtin import ArrayAttr, ModuleOp, StringAttr
from xdsl.ir import BlockArgument, Operation, SSAValue
from xdsl.utils.hints import isa

from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import shape_of
from qcompiler.errors import Problem
from qcompiler.interpreters.scalar_functions import REAL_OPS
from qcompiler.provenance.sources import place_of

LAYERS = (nn.MatMulOp, nn.ConvOp, nn.ConvTransposeOp)
"""What multiplies with weights: hardware, or nothing."""

_MOVES = (
    nn.ReshapeOp, nn.TransposeOp, nn.SliceOp, nn.PadOp, nn.ConcatOp, nn.ResizeNearestOp,
    nn.DepthToSpaceOp,
)  # fmt: skip
_ONE_INPUT = (nn.ReshapeOp, nn.TransposeOp, nn.SliceOp, nn.PadOp)
_OUTPUT_AXIS: dict[type[Operation], int] = {nn.MatMulOp: -1, nn.ConvOp: 0, nn.ConvTransposeOp: 1}
_ON_INTEGERS = (*REAL_OPS, *_MOVES, *LAYERS, nn.Pool, nn.ReduceMeanOp, nn.ArgMaxOp, nn.BatchNormOp)
_MEANS = (nn.AveragePoolOp, nn.ReduceMeanOp)
_BOUNDARY = (qint.QuantizeOp, qint.DequantizeOp)
_QUANTIZER = "QuantizeLinear and DequantizeLinear, or Quant"
_GRID = "requantize(..., int8, scale: 0.1)"
_STATICALLY = (
    "quantize_static of onnxruntime.quantization does that, or train with Brevitas or QKeras"
)


class MainFunction(Struct, frozen=True):
    """What is known of @main.

    Attributes:
        ops: its operations, in order.
        constant: those of them that depend on constants only.
        stray: those that are no integer arithmetic, between two that are.
    """

    ops: Sequence[Operation]
    constant: Collection[Operation]
    stray: Collection[Operation]


def obstacles(network: MainFunction) -> list[Problem]:
    """Returns one problem for each cause; empty if the network can be cut."""
    found: dict[Problem, None] = {}
    reached: _Reached = {}
    for region in _regions(network):
        if any(isinstance(op, LAYERS) or op in network.stray for op in region):
            found |= dict.fromkeys(_Region(network, region, reached).problems())
    boundary = [op for op in network.stray if isinstance(op, _BOUNDARY)]
    found = dict.fromkeys(_unquantized(*pair) for pair in reached.items()) | found
    if not found and boundary:  # nothing real is in between: scales that do not meet
        return [_unbuilt(boundary[0])]
    return _unquantized_activations(network) or _unquantized_weights(network) or list(found)


def input_name(argument: BlockArgument) -> str:
    """Returns what the model calls an input, which is what --input wants."""
    op: Operation | None = argument.block.parent_op()
    while op is not None and not isinstance(op, ModuleOp):
        op = op.parent_op()
    names = None if op is None else op.attributes.get("nn.inputs")
    if isa(names, ArrayAttr[StringAttr]) and argument.index < len(names):
        return names.data[argument.index].data
    return argument.name_hint or f"input {argument.index}"


def _unquantized_activations(network: MainFunction) -> list[Problem]:
    """Returns the problem of several layers of which the weights alone are quantized."""
    layers = [op for op in network.ops if isinstance(op, LAYERS)]
    quantizes = any(isinstance(op, _BOUNDARY) and not _is_of_constant(op) for op in network.ops)
    weights = any(_is_of_constant(op) for op in network.ops)
    if quantizes or not weights or len(layers) < 2:
        return []
    what = "the weights alone are quantized: what flows from layer to layer is in floating point"
    remedy = f"quantize activations, too: {_STATICALLY}"
    return [Problem("model", what, remedy, f"write {_GRID} around activations, too")]


def _unquantized_weights(network: MainFunction) -> list[Problem]:
    """Returns the problem of several layers none of which has quantized weights."""
    layers = [op for op in network.ops if isinstance(op, LAYERS)]
    integer = any(isinstance(op, qint.MatMulOp | qint.ConvOp) for op in network.ops)
    if integer or len(layers) < 2 or any(_is_of_constant(op) for op in network.ops):
        return []
    what = "no layer has quantized weights, all of them are in floating point"
    remedy = f"quantize weights and activations: {_STATICALLY}"
    in_text = f"give weights an integer type and a scale, and write {_GRID} around activations"
    return [Problem("model", what, remedy, in_text)]


def _is_of_constant(op: Operation) -> bool:
    return isinstance(op, qint.DequantizeOp) and isinstance(op.input.owner, qint.ConstantOp)


def _regions(network: MainFunction) -> list[list[Operation]]:
    """Returns the real operations in groups whose members touch; each group in order."""
    inside = [
        op
        for op in network.ops
        if op not in network.constant
        and not isinstance(op, _BOUNDARY)
        and any(not _is_integer(result) for result in op.results)
    ]
    group = {op: [op] for op in inside}
    for op in inside:
        for value in op.operands:
            other = group.get(value.owner) if isinstance(value.owner, Operation) else None
            if other is not None and other is not group[op]:
                other += group[op]
                for member in group[op]:
                    group[member] = other
    order = {op: index for index, op in enumerate(inside)}
    distinct = {id(members): members for members in group.values()}
    return [sorted(members, key=order.__getitem__) for members in distinct.values()]


_Reached = dict[BlockArgument, dict[str, None]]
"""Inputs of the model, and the layers that each reaches without a quantizer."""


class _Region:
    def __init__(self, network: MainFunction, ops: Sequence[Operation], reached: _Reached):
        self.network = network
        self.ops = ops
        self.reached = reached
        self.is_reached = False
        self.unbuilt = [op for op in ops if not isinstance(op, _ON_INTEGERS)]

    def problems(self) -> Iterator[Problem]:
        """Yields what keeps the region from becoming integers."""
        layers = [op for op in self.ops if isinstance(op, LAYERS)]
        found = [problem for op in layers for problem in self._of_layer(op)]
        found += [_unbuilt(op) for op in self.unbuilt]
        if found or self.is_reached:
            yield from found
        elif layers:
            yield _unlike(layers[0])
        else:
            yield self._between()

    def _of_layer(self, layer: Operation) -> Iterator[Problem]:
        consumer = place_of(layer)
        for value in layer.operands:
            maker = _maker(value)
            if isinstance(maker, qint.DequantizeOp):
                yield from _of_scales(consumer, maker, layer)
            elif maker in self.network.constant:
                remedy = f"quantize its weights, too ({_QUANTIZER})"
                in_text = "give them an integer type and a scale: w: int4[4, 2] scale 0.1 = ..."
                yield Problem(consumer, "its weights have no quantizer", remedy, in_text)
            elif inputs := _real_inputs(value):
                for argument in inputs:
                    self.reached.setdefault(argument, {})[consumer] = None
                    self.is_reached = True
            elif maker is not None and not self._is_victim(maker):
                yield _lacking(maker, consumer)

    def _is_victim(self, maker: Operation) -> bool:
        """Whether integers would come from `maker` if only it got them."""
        if any(op in self.unbuilt for op in _real_ancestors(maker)):
            return True
        while isinstance(maker, (nn.ReluOp, nn.Pool, *_ONE_INPUT)):
            owner = maker.operands[0].owner
            if not isinstance(owner, Operation):
                return False
            maker = owner
        return isinstance(maker, LAYERS)

    def _between(self) -> Problem:
        """Returns the problem of arithmetic that no pass has made integers of."""
        for op in self.ops:
            # A quantizer before it makes integers that are moved or pooled as they are.
            if not isinstance(op, REAL_OPS) and any(v.owner in self.ops for v in op.operands):
                return Problem(
                    place_of(op),
                    f"takes real numbers from {_makers(op, self.ops)}, between quantized layers",
                    f"add a quantizer before it ({_QUANTIZER}), with one scale for the tensor",
                    f"write {_GRID} around what it takes, with one scale",
                )
        return _unbuilt(self.ops[0])


def _real_ancestors(op: Operation) -> Iterable[Operation]:
    """Returns `op` and the real operations that it depends on, up to where integers are."""
    found = {op: None}
    rest = [op]
    while rest:
        for value in rest.pop().operands:
            owner = value.owner
            if isinstance(owner, _BOUNDARY) or not isinstance(owner, Operation) or owner in found:
                continue
            rest.append(owner)
            found[owner] = None
    return found


def _real_inputs(value: SSAValue) -> list[BlockArgument]:
    """Returns the model's inputs that reach `value` through real operations only."""
    values = [value]
    if isinstance(value.owner, Operation):
        values = [v for op in _real_ancestors(value.owner) for v in op.operands]
    found = [v for v in values if isinstance(v, BlockArgument) and not _is_integer(v)]
    return list(dict.fromkeys(found))


def _maker(value: SSAValue) -> Operation | None:
    """Returns what computes `value`, past operations that only move it; None for an input."""
    owner = value.owner
    while isinstance(owner, _ONE_INPUT):
        owner = owner.operands[0].owner
    return owner if isinstance(owner, Operation) else None


def _makers(op: Operation, among: Sequence[Operation]) -> str:
    """Returns the places of what `op` takes, of those `among` which it stands."""
    owners = [value.owner for value in op.operands]
    made = [owner for owner in among if owner in owners]
    return " and ".join(dict.fromkeys(map(place_of, made)))


def _unquantized(argument: BlockArgument, consumers: Iterable[str]) -> Problem:
    name = input_name(argument)
    consumer, *others = consumers
    if others:
        consumer += f" and {others[0] if len(others) == 1 else f'{len(others)} more nodes'}"
    return Problem(
        f"{name} (input)",
        f"reaches {consumer} without a quantizer",
        f"give the input's type and scale, e.g. --input {name}=int16:0.0009765625",
        f"give it a type of integers and a scale, such as uint8[...] scale 1/255, or write {_GRID} "
        "around it where it is used",
    )


def _of_scales(consumer: str, dequantize: qint.DequantizeOp, layer: Operation) -> Iterator[Problem]:
    """Yields that a layer sums over channels whose scales differ."""
    axis = dequantize.channel_axis
    if axis is None:
        return
    if not _is_of_constant(dequantize):
        yield Problem(
            place_of(dequantize),
            f"gives each channel a scale of its own, and {consumer} sums over channels",
            "quantize this activation with one scale for the tensor",
            "write one number as its scale, and no axis",
        )
    elif axis != _OUTPUT_AXIS[type(layer)] % len(shape_of(dequantize.result.type)):
        yield Problem(
            place_of(dequantize),
            f"gives each input channel of the weights a scale of its own, and {consumer} sums over "
            "input channels",
            "quantize these weights with one scale for the tensor, or one for each output channel",
            "write one number as their scale, or one for each output channel with its axis",
        )


def _lacking(maker: Operation, consumer: str) -> Problem:
    joined = {v for v in maker.operands if not isinstance(v.owner, nn.ConstantOp)}
    reason = "joins activations of different scales, and its" if len(joined) > 1 else "its"
    # A mean of real numbers is no mean of integers.
    where = "before it and after it" if isinstance(maker, _MEANS) else "after it"
    return Problem(
        place_of(maker),
        f"{reason} result reaches {consumer} without a quantizer",
        f"add a quantizer {where} ({_QUANTIZER}), with one scale for the tensor",
        f"write {_GRID} {where.replace('after it', 'around it')}, with one scale",
    )


def _unbuilt(op: Operation) -> Problem:
    if isinstance(op, nn.SoftmaxOp):
        if isinstance(op.input.owner, nn.AddOp | nn.SubOp):
            return Problem(
                place_of(op),
                "takes scores to which numbers were added that are no mask: neither 0 nor so low "
                "that nothing is left",
                f"add a quantizer behind the sum, and one behind the softmax ({_QUANTIZER})",
                f"write {_GRID} around the sum, and around the softmax",
            )
        return Problem(
            place_of(op),
            "stands between layers, and hardware computes it between quantizers only, of codes "
            "with one scale for the tensor",
            f"add a quantizer before it and after it ({_QUANTIZER})",
            f"write {_GRID} before it and around it",
        )
    return Problem(
        place_of(op),
        "stands between quantized layers, and is built for the host only, not in hardware",
        "end the model before it, or leave it out",
    )


def _unlike(layer: Operation) -> Problem:
    return Problem(
        place_of(layer),
        "no integer arithmetic is known for how its operands are quantized",
        "quantize activation and weights with one scale for each tensor",
    )


def _is_integer(value: SSAValue) -> bool:
    return isinstance(qint.element_of(value.type), qint.IntType)
