"""Neurons that are tables: each looks up what a few elements of a row mean together."""

import numpy as np
from xdsl.dialects.builtin import I64, IntegerAttr, TensorType, i64
from xdsl.ir import SSAValue
from xdsl.irdl import (
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from qcompiler.arith.arrays import IntArray
from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizers import Table
from qcompiler.dialects.attributes import (
    Array,
    DenseAttr,
    int_dense,
    numpy_from_dense,
    shape_of,
)
from qcompiler.dialects.qint.interface import IntegerOp
from qcompiler.dialects.qint.types import INT_TENSOR, IntType, range_of

MOST_ADDRESS_BITS = 16
"""Of one neuron: beyond, tables are no longer small."""


@irdl_op_definition
class LookupOp(IntegerOp):
    """Looks up `entries[j, sum_i (x[..., sources[j, i]] - x_lo) * 2**(bits * i)]` for neuron j.

    The first source is the lowest part of the address. A network of learned tables is layers of
    these.

    Example: `%y = qint.lookup %x {sources = dense<[[2, 0]]> : tensor<1x2xi8>,
        entries = dense<[[0, 1, 1, 0]]> : tensor<1x4xi8>, bits = 1 : i64, x_lo = 0 : i64}
        : (tensor<1x3x!qint.int<0, 1>>) -> tensor<1x1x!qint.int<0, 1>>`
    """

    name = "qint.lookup"
    input = operand_def(INT_TENSOR)
    sources = prop_def(DenseAttr)
    entries = prop_def(DenseAttr)
    bits = prop_def(IntegerAttr[I64])
    x_lo = prop_def(IntegerAttr[I64])
    result = result_def(INT_TENSOR)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def __init__(self, input: SSAValue, sources: Array, entries: Array, bits: int, x_lo: int):
        bounds = IntRange(int(entries.min()), int(entries.max()))
        shape = (*shape_of(input.type)[:-1], len(sources))
        super().__init__(
            operands=[input],
            properties={
                "sources": int_dense(sources),
                "entries": int_dense(entries),
                "bits": IntegerAttr(bits, i64),
                "x_lo": IntegerAttr(x_lo, i64),
            },
            result_types=[TensorType(IntType(bounds.lo, bounds.hi), shape)],
        )

    @property
    def weights(self) -> IntArray:
        """What elements are multiplied by, so that their sum is an address: [inputs, neurons]."""
        sources = numpy_from_dense(self.sources).astype(np.int64)
        found = np.zeros((shape_of(self.input.type)[-1], len(sources)), np.int64)
        for place in range(sources.shape[1]):  # an element may stand at several places
            found[sources[:, place], np.arange(len(sources))] += 1 << self.bits.value.data * place
        return found

    @property
    def table(self) -> Table:
        """The entries of each neuron by the sum of its elements times `weights`."""
        places = range(self.sources.get_shape()[1])
        lowest = self.x_lo.value.data * sum(1 << self.bits.value.data * place for place in places)
        return Table(numpy_from_dense(self.entries).astype(np.int64), lowest)

    @property
    def inferred_range(self) -> IntRange:
        """Bounds of all entries."""
        entries = numpy_from_dense(self.entries)
        return IntRange(int(entries.min()), int(entries.max()))

    def verify_(self) -> None:
        shape, sources = shape_of(self.input.type), self.sources.get_shape()
        entries, bits = self.entries.get_shape(), self.bits.value.data
        if len(sources) != 2 or not all(sources):
            raise VerifyException(
                f"sources must be a matrix [neurons, inputs of one], got {self.sources.type}"
            )
        address = bits * sources[1]
        if bits < 1 or address > MOST_ADDRESS_BITS:
            raise VerifyException(
                f"{sources[1]} inputs of {bits} bits are an address of {address} bits; a table has "
                f"1 to {MOST_ADDRESS_BITS}"
            )
        if list(entries) != [sources[0], 1 << address]:
            raise VerifyException(
                f"entries must have shape {[sources[0], 1 << address]}, a row for each neuron and "
                f"a word for each address of {address} bits, got {list(entries)}"
            )
        places = numpy_from_dense(self.sources)
        if not shape or places.min() < 0 or places.max() >= shape[-1]:
            raise VerifyException(
                f"sources must be places along the innermost axis of {list(shape)}, "
                f"got {places.min()} to {places.max()}"
            )
        lo = self.x_lo.value.data
        covered = IntRange(lo, lo + (1 << bits) - 1)
        if not covered.contains(range_of(self.input.type)):
            raise VerifyException(
                f"{bits} bits from {lo} on are {covered.lo} to {covered.hi}, but the input is "
                f"{self.input.type}"
            )
        if shape_of(self.result.type) != (*shape[:-1], sources[0]):
            raise VerifyException(
                f"result must have shape {[*shape[:-1], sources[0]]}, got {self.result.type}"
            )
