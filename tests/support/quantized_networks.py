"""Random small quantized networks at the nn level, with everything that makes integers awkward."""

from dataclasses import dataclass

import numpy as np
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, StringAttr, TensorType
from xdsl.ir import Block, Region, SSAValue

from qcompiler.arith.ranges import IntRange
from qcompiler.dialects import nn, qint

ONE = np.ones(1, np.int64)
ROUNDINGS = ("half_even", "floor", "ceil", "half_up")


@dataclass
class NetworkBuilder:
    """Appends layers to @main; every draw comes from one seeded generator."""

    random: np.random.Generator
    block: Block

    def add(self, op):
        self.block.add_op(op)
        return op.results[0]

    def scales(self, count):
        """Powers of two (exact products, ties), and ordinary float32 numbers."""
        exponents = self.random.integers(-6, 1, count)
        factors = self.random.uniform(1, 2, count) if self.random.random() < 0.7 else 1.0
        return (2.0**exponents * factors).astype(np.float32)

    def quantized(self, x: SSAValue, range_: IntRange, *, axis=None, zero_point=0) -> SSAValue:
        count = 1 if axis is None else x.type.get_shape()[axis]
        scale, zero = self.scales(count), np.full(1, zero_point, np.int64)
        rounding = str(self.random.choice(ROUNDINGS))
        codes = self.add(qint.QuantizeOp(x, scale, zero, range_, axis=axis, rounding=rounding))
        return self.add(qint.DequantizeOp(codes, scale, zero, axis=axis))

    def bipolar(self, x: SSAValue) -> SSAValue:
        scale = self.scales(1)
        bits = self.add(qint.QuantizeOp(x, scale, ONE, IntRange(0, 1), rounding="floor"))
        signs = self.add(qint.AffineOp(bits, 2 * ONE, -ONE))
        return self.add(qint.DequantizeOp(signs, scale, 0 * ONE))

    def activation(self, x: SSAValue) -> SSAValue:
        kind = self.random.integers(4)
        if kind == 0:
            return self.bipolar(x)
        bits = int(self.random.integers(2, 5))
        zero_point = int(self.random.integers(-2, 3)) if kind == 1 else 0
        return self.quantized(x, IntRange.for_bits(bits, kind == 2), zero_point=zero_point)

    def layer(self, x: SSAValue, outputs: int) -> SSAValue:
        inputs = x.type.get_shape()[-1]
        weights = self.add(nn.ConstantOp(self.normal(inputs, outputs)))
        if self.random.random() < 0.3:
            w = self.bipolar(weights)
        else:
            axis = 1 if self.random.random() < 0.5 else None
            w = self.quantized(weights, IntRange(-3, 3), axis=axis)
        y = self.add(nn.MatMulOp(x, w))
        if self.random.random() < 0.5:
            y = self.add(nn.AddOp(y, self.add(nn.ConstantOp(self.normal(outputs)))))
        if self.random.random() < 0.6:
            y = self.batch_norm(y, outputs)
        return self.add(nn.ReluOp(y)) if self.random.random() < 0.5 else y

    def batch_norm(self, x: SSAValue, channels: int) -> SSAValue:
        """Gammas of both signs, and now and then zero."""
        gamma, beta, mean = (self.normal(channels) for _ in range(3))
        gamma[self.random.random(channels) < 0.1] = 0
        var = self.random.uniform(0.1, 4, channels).astype(np.float32)
        parameters = [self.add(nn.ConstantOp(p)) for p in (gamma, beta, mean, var)]
        return self.add(nn.BatchNormOp(x, *parameters, 1e-5))

    def normal(self, *shape):
        return self.random.standard_normal(shape).astype(np.float32)


def random_network(seed: int, numerics: str = "exact") -> ModuleOp:
    """A chain of one to three quantized matrix products with what stands between them."""
    random = np.random.default_rng(seed)
    widths = [int(w) for w in random.choice([1, 2, 3, 4, 6], random.integers(2, 5))]
    block = Block(arg_types=[TensorType(nn.f32, [1, widths[0]])])
    block.args[0].name_hint = "x"
    b = NetworkBuilder(random, block)
    value: SSAValue = block.args[0]
    for outputs in widths[1:]:
        value = b.layer(b.activation(value), outputs)
    if random.random() < 0.5:
        value = b.activation(value)
    block.add_op(func.ReturnOp(value))
    main = func.FuncOp("main", ([block.args[0].type], [value.type]), Region(block))
    module = ModuleOp([main], {"qint.numerics": StringAttr(numerics)})
    module.verify()
    return module
