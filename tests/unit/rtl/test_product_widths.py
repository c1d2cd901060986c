"""Products are as wide as their range, in whatever hardware holds them.

Signs of a product that a register takes twice are what Yosys (0.70) loses: docs/synthesis.md.
"""

import ast
from pathlib import Path

import numpy as np
import pytest
from stream_networks import StreamNetwork, channel
from xdsl.dialects import comb, hw, seq
from xdsl.ir import OpResult

import qcompiler
from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizers import FloatScale, MulShift
from qcompiler.backends.verilog.legalize import constant_value, value_width
from qcompiler.dialects import qint, stream

INT8, UINT8, INT4, UINT4 = (IntRange.for_bits(b, s) for b in (8, 4) for s in (True, False))
ODD = IntRange(-5, 100)
SUMS = comb.AddOp | comb.SubOp


def source_bits(value):
    """Returns (value, bit) of each bit, through what only moves bits, constants left out."""
    owner = value.owner if isinstance(value, OpResult) else None
    if isinstance(owner, comb.ConcatOp):
        return [bit for part in reversed(owner.operands) for bit in source_bits(part)]
    if isinstance(owner, comb.ReplicateOp):
        inner = source_bits(owner.input)
        return inner * (value_width(value) // max(1, len(inner)))
    if isinstance(owner, comb.ExtractOp):
        bits, low = source_bits(owner.input), owner.low_bit.value.data
        return bits[low : low + value_width(value)]
    if constant_value(value) is not None:
        return [None] * value_width(value)
    return [(value, index) for index in range(value_width(value))]


def held(op):
    """Returns what a register takes when it is enabled."""
    mux = op.input.owner
    return mux.true_value if isinstance(mux, comb.MuxOp) and op.data in mux.operands else op.input


def behind_registers(value):
    """Returns the operation that makes a value, some registers ago."""
    while isinstance(value, OpResult) and isinstance(value.owner, seq.CompRegOp):
        sources = {bit[0] for bit in source_bits(held(value.owner)) if bit}
        if len(sources) != 1 or value in sources:
            break
        (value,) = sources
    return value.owner if isinstance(value, OpResult) else None


def bits_held_twice(module):
    """Returns registers that take a bit of a product or of a sum twice."""
    found = []
    for op in module.walk():
        if isinstance(op, seq.CompRegOp):
            bits = [bit for bit in source_bits(held(op)) if bit is not None]
            twice = {bit[0] for bit in bits if bits.count(bit) > 1}
            if any(isinstance(behind_registers(v), comb.MulOp | SUMS) for v in twice):
                found.append(op.data.name_hint)
    return found


def reach(value):
    """Returns the range that an operand's bits allow; copies of its sign, zeros above are none."""
    constant = constant_value(value)
    if constant is not None:
        half = 1 << (value_width(value) - 1)
        return IntRange(*[constant - 2 * (constant & half)] * 2)
    bits = source_bits(value)
    if bits[-1] is None:
        return IntRange.for_bits(max(i for i, bit in enumerate(bits) if bit) + 1, False)
    copies = len(bits) - min(i for i, bit in enumerate(bits) if bit == bits[-1])
    return IntRange.for_bits(len(bits) - copies + 1, True)


def too_wide(module):
    """Returns products with more bits than their factors fill, but for those that a sum takes."""
    found = []
    for op in module.walk():
        if isinstance(op, comb.MulOp):
            uses = list(op.result.uses)
            if len(uses) == 1 and isinstance(uses[0].operation, SUMS):
                continue
            a, b = (reach(operand) for operand in op.operands)
            if value_width(op.result) > (a * b).width_bits:
                found.append(str(op))
    return found


def matrix_units() -> StreamNetwork:
    n, random = StreamNetwork(), np.random.default_rng(3)
    for x in (INT8, UINT8, INT4, ODD, IntRange(-200, -3)):
        for low, high in ((-8, 7), (0, 15), (-7, 7), (-9, -2), (-1, 1)):
            weights = random.integers(low, high, (8, 4), endpoint=True)
            n.mvau(x, weights, pe=1, simd=1)
            n.mvau(x, weights, pe=2, simd=2)
            n.mvau(x, weights, pe=4, simd=8)
            n.mvau(x, weights[:, :2], pe=1, simd=8)
            if (low, high) != (-1, 1):
                n.mvau(x, weights, pe=2, simd=1, style="pairs")
                n.mvau(x, weights, pe=2, simd=2, style="logic")
    n.mvau(INT8, np.diag([3, 100, -128, 0]), pe=4, simd=4)  # one product a row
    return n


def elementwise() -> StreamNetwork:
    n = StreamNetwork()
    for x, z in ((INT8, INT8), (INT8, UINT4), (UINT8, UINT4), (ODD, INT4)):
        for slack in (0, 1000):  # a type may be wider than what is computed
            y = x * z
            ends = n.input(channel(x, (4,), 2)), n.input(channel(z, (4,), 2))
            n.output(stream.MulOp(*ends, qint.IntType(y.lo - slack, y.hi + slack)))
            for factors in ((5, -77), (1, 300), (-1, 0)):
                a, b = (IntRange(f, f) for f in factors)
                y = x * a + z * b
                ends = n.input(channel(x, (4,), 2)), n.input(channel(z, (4,), 2))
                n.output(stream.AddOp(*ends, qint.IntType(y.lo - slack, y.hi + slack), factors))
    return n


def requantizers() -> StreamNetwork:
    n, random = StreamNetwork(), np.random.default_rng(5)
    for x in (IntRange(-40000, 40000), IntRange(0, 3000), IntRange(-(2**21), 5)):
        for factors in (random.integers(1, 2**11, 6), random.integers(-(2**20), 2**20, 6)):
            form = MulShift(factors, random.integers(-999, 999, 6), 9, -128, 127)
            n.requantize(x, INT8, form, (3, 6), 2)
            one = MulShift(factors[:1], np.array([256]), 9, 0, 255, 0)
            n.requantize(x, UINT8, one, (3, 6), 2)
        scale = FloatScale(
            random.integers(2**23, 2**24, 6), random.integers(-9, 9, 6), 32, 5, -128, 127
        )
        n.requantize(x, INT8, scale, (3, 6), 2)
    return n


@pytest.mark.parametrize("mhz", [None, 250])
@pytest.mark.parametrize("network", [matrix_units, elementwise, requantizers])
def test_products_are_as_wide_as_their_range(network, mhz):
    hardware = network().design(mhz).level("rtl")
    assert any(isinstance(op, comb.MulOp) for op in hardware.walk())
    assert too_wide(hardware) == []
    assert bits_held_twice(hardware) == []


@pytest.mark.parametrize("cycles", [64, 9216])
def test_products_of_a_network_are_as_wide_as_their_range(cycles):
    model = Path("examples/digits_cnn/digits_cnn_qdq.onnx")
    hardware = qcompiler.compile(model, cycles=cycles).level("rtl")
    assert too_wide(hardware) == []
    assert bits_held_twice(hardware) == []


@pytest.mark.parametrize(
    ("x", "weights", "width"),
    [
        (INT8, (-7, 7), 11),  # 896; eleven bits, where factors of 8 and 4 bits have twelve
        (INT8, (-8, 7), 12),
        (UINT8, (0, 15), 12),
        (UINT8, (-8, 7), 12),
        (INT4, (-7, 7), 7),
        (ODD, (-9, -2), 11),
    ],
)
def test_width_of_a_product_its_register_and_the_partial_sum(x, weights, width):
    n = StreamNetwork()
    n.mvau(x, np.resize(weights, (8, 4)), pe=1, simd=1)
    hardware = n.design(250).level("rtl")
    (element,) = (op for op in hardware.body.ops if op.sym_name.data.endswith("_pe"))
    made = [value_width(op.result) for op in element.walk() if isinstance(op, comb.MulOp)]
    kept = {
        op.data.name_hint: value_width(op.data)
        for op in element.walk()
        if isinstance(op, seq.CompRegOp)
    }
    accumulator = kept.pop("accumulator")
    assert made == [width]
    assert set(kept.values()) == {width}
    assert accumulator > width


def test_the_check_sees_a_sign_held_twice():
    """The hardware that showed the fault: a register one bit wider than its product."""
    b = qcompiler.rtl.builder.ModuleBuilder("m")
    product = qcompiler.rtl.numbers.Number.of(b.input("x", 8), INT8)
    product = product * qcompiler.rtl.numbers.Number.of(b.input("w", 4), INT4)
    b.output("y", b.delay("product", product.sext(13)))
    module = b.build()
    assert isinstance(module, hw.HWModuleOp)
    assert bits_held_twice(module) == ["product"]


def test_there_is_one_way_to_make_a_product():
    hardware = Path(qcompiler.__file__).parent / "rtl"
    makers = {
        path.name
        for path in hardware.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "MulOp" and node.value.id == "comb"
    }
    assert makers == {"numbers.py"}
