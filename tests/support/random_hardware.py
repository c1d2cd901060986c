"""Random hw/comb/seq modules, and a Python evaluation of them."""

import operator
import random
from collections.abc import Callable, Sequence
from functools import reduce

from xdsl.dialects import comb, hw, seq
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue

from qcompiler.backends.verilog.legalize import value_width

INPUTS = {"rst_n": 1, "en": 1, "sel": 1, "a": 6, "b": 6, "c": 8, "d": 12, "e": 3}
_VARIADIC = ("add", "mul", "and", "or", "xor")
_BINARY = ("sub", "shl", "shru", "shrs")
_DIVISIONS = ("divu", "divs", "modu", "mods")
_PREDICATES = comb.ICMP_COMPARISON_OPERATIONS


class _Generator:
    def __init__(self, seed: int):
        self.random = random.Random(seed)
        self.lines: list[str] = []
        self.values: list[tuple[str, int]] = list(INPUTS.items())

    def new(self, width: int, text: str) -> tuple[str, int]:
        name = f"v{len(self.lines)}"
        self.lines.append(f"%{name} = {text}")
        self.values.append((name, width))
        return name, width

    def pick(self, width: int | None = None) -> tuple[str, int]:
        """Returns a value, of the given width if asked: found, resized or a constant."""
        pool = [v for v in self.values if width is None or v[1] == width]
        choice = self.random.random()
        if width is not None and (not pool or choice < 0.3):
            if choice < 0.1:
                top = 1 << (width - 1)
                value = self.random.choice([0, -1, -top, top - 1, self.random.randrange(-top, top)])
                return self.new(width, f"hw.constant {value} : i{width}")
            return self.resize(self.random.choice(self.values), width)
        # Prefer fresh values, or most of the module would be dead.
        return self.random.choice(pool[-12:] if choice < 0.7 else pool)

    def resize(self, value: tuple[str, int], width: int) -> tuple[str, int]:
        name, old = value
        if old == width:
            return value
        if old > width:
            low = self.random.randrange(old - width + 1)
            return self.new(width, f"comb.extract %{name} from {low} : (i{old}) -> i{width}")
        more = width - old
        if self.random.random() < 0.4:
            high = self.new(more, f"hw.constant 0 : i{more}")[0]
        else:
            sign = self.new(1, f"comb.extract %{name} from {old - 1} : (i{old}) -> i1")[0]
            high = self.new(more, f"comb.replicate %{sign} : (i1) -> i{more}")[0]
        return self.new(width, f"comb.concat %{high}, %{name} : i{more}, i{old}")

    def step(self) -> None:
        builders: dict[str, Callable[[int], None]] = {
            "icmp": self._icmp,
            "mux": self._mux,
            "reg": self._reg,
            "array": self._array,
            "concat": self._concat,
            "dot": self._dot,
            "not": self._not,
        }
        plain = [*_VARIADIC, *_BINARY, *_DIVISIONS, "add", "mul"]
        kind = self.random.choice([*plain, *builders, "mux", "reg"])
        width = self.random.choice([1, 1, 3, 6, 8, 12, 13])
        if kind in builders:
            builders[kind](width)
        else:
            self._plain(kind, width)

    def _plain(self, kind: str, width: int) -> None:
        count = self.random.choice([2, 2, 2, 3]) if kind in _VARIADIC else 2
        names = [self.pick(width)[0] for _ in range(count)]
        if kind in _DIVISIONS:
            one = self.new(width, f"hw.constant {1 if width > 1 else -1} : i{width}")[0]
            names[1] = self.new(width, f"comb.or %{names[1]}, %{one} : i{width}")[0]
        self.new(width, f"comb.{kind} {', '.join('%' + n for n in names)} : i{width}")

    def _icmp(self, width: int) -> None:
        lhs, rhs = self.pick(width)[0], self.pick(width)[0]
        self.new(1, f"comb.icmp {self.random.choice(_PREDICATES)} %{lhs}, %{rhs} : i{width}")

    def _mux(self, width: int) -> None:
        parts = (self.pick(1)[0], self.pick(width)[0], self.pick(width)[0])
        self.new(width, "comb.mux %{}, %{}, %{} : i{}".format(*parts, width))

    def _not(self, width: int) -> None:
        ones = self.new(width, f"hw.constant -1 : i{width}")[0]
        self.new(width, f"comb.xor %{self.pick(width)[0]}, %{ones} : i{width}")

    def _concat(self, _width: int) -> None:
        parts = [self.pick() for _ in range(2)]
        if sum(w for _, w in parts) > 40:
            return
        names = ", ".join(f"%{n}" for n, _ in parts)
        types = ", ".join(f"i{w}" for _, w in parts)
        self.new(sum(w for _, w in parts), f"comb.concat {names} : {types}")

    def _array(self, width: int) -> None:
        names = ", ".join(f"%{self.pick(width)[0]}" for _ in range(4))
        index = self.pick(2)[0]
        array = f"arr{len(self.lines)}"
        self.lines.append(f"%{array} = hw.array_create {names} : i{width}")
        self.new(width, f"hw.array_get %{array}[%{index}] : !hw.array<4xi{width}>, i2")

    def _dot(self, _width: int) -> None:
        total = None
        for _ in range(self.random.randrange(2, 5)):
            x = self.resize(self.pick(6), 14)[0]
            if self.random.random() < 0.6:
                y = self.new(14, f"hw.constant {self.random.randrange(-40, 40)} : i14")[0]
            else:
                y = self.resize(self.pick(6), 14)[0]
            term = self.new(14, f"comb.mul %{x}, %{y} : i14")[0]
            op = self.random.choice(["add", "sub"])
            total = term if total is None else self.new(14, f"comb.{op} %{total}, %{term} : i14")[0]

    def _reg(self, width: int) -> None:
        reset_value = self.new(width, f"hw.constant {self.random.randrange(2) - 1} : i{width}")[0]
        q, d = f"q{len(self.lines)}", self.pick(width)[0]
        for _ in range(self.random.randrange(3)):
            condition = self.pick(1)[0]
            held = [f"%{d}", f"%{q}"]
            self.random.shuffle(held)
            mux = f"hold{len(self.lines)}"
            # Nobody else reads it, so that it becomes an `if` of the register.
            self.lines.append(f"%{mux} = comb.mux %{condition}, {held[0]}, {held[1]} : i{width}")
            d = mux
        self.lines.append(f"%{q} = seq.compreg %{d}, %clk reset %rst, %{reset_value} : i{width}")
        self.values.append((q, width))


def random_module(seed: int, steps: int, name: str = "dut") -> str:
    """Returns the text of a module with inputs `INPUTS` and outputs `y0`, `y1`, ..."""
    generator = _Generator(seed)
    for _ in range(steps):
        generator.step()
    made = generator.values[len(INPUTS) :]
    registers = [value for value in made if value[0].startswith("q")]
    outputs = list(dict.fromkeys([*made[-8:], *registers[-8:]]))
    ports = [f"in %{n} : i{w}" for n, w in INPUTS.items()]
    ports += [f"out y{i} : i{w}" for i, (_, w) in enumerate(outputs)]
    body = "\n  ".join(generator.lines)
    values = ", ".join(f"%{n}" for n, _ in outputs)
    types = ", ".join(f"i{w}" for _, w in outputs)
    return f"""hw.module @{name}(in %clk : !seq.clock, {", ".join(ports)}) {{
  %true = hw.constant true
  %rst = comb.xor %rst_n, %true : i1
  {body}
  hw.output {values} : {types}
}}"""


def _signed(value: int, width: int) -> int:
    return value - (1 << width) if value >> (width - 1) else value


def _divide(lhs: int, rhs: int) -> int:
    """Divides towards zero, as hardware does."""
    quotient = abs(lhs) // abs(rhs)
    return quotient if (lhs < 0) == (rhs < 0) else -quotient


_COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}
_UNSIGNED: dict[type[Operation], Callable[[int, int], int]] = {
    comb.AddOp: int.__add__,
    comb.SubOp: int.__sub__,
    comb.MulOp: int.__mul__,
    comb.AndOp: int.__and__,
    comb.OrOp: int.__or__,
    comb.XorOp: int.__xor__,
    comb.ShlOp: int.__lshift__,
    comb.ShrUOp: int.__rshift__,
    comb.DivUOp: int.__floordiv__,
    comb.ModUOp: int.__mod__,
}
_SIGNED: dict[type[Operation], Callable[[int, int], int]] = {
    comb.DivSOp: _divide,
    comb.ModSOp: lambda x, y: x - y * _divide(x, y),
}


def _join(values: Sequence[int], widths: Sequence[int]) -> int:
    pairs = zip(values, widths, strict=True)
    return reduce(lambda high, pair: high << pair[1] | pair[0], pairs, 0)


def _compare(op: comb.ICmpOp, values: Sequence[int], signed: Sequence[int]) -> bool:
    predicate = _PREDICATES[op.predicate.value.data]
    if predicate in ("eq", "ne"):
        return _COMPARISONS[predicate](*values)
    return _COMPARISONS[predicate[1:]](*(signed if predicate[0] == "s" else values))


def _evaluate(op: Operation, values: Sequence[int]) -> int:
    """Returns the result of a combinational op, before it is cut to its width."""
    widths = [value_width(v) for v in op.operands]
    signed = [_signed(v, w) for v, w in zip(values, widths, strict=True)]
    if type(op) in _UNSIGNED:
        return reduce(_UNSIGNED[type(op)], values)
    if type(op) in _SIGNED:
        return _SIGNED[type(op)](*signed)
    match op:
        case hw.ConstantOp():
            return op.value.value.data
        case comb.ShrSOp():
            return signed[0] >> values[1]
        case comb.MuxOp():
            return values[1] if values[0] else values[2]
        case comb.ICmpOp():
            return _compare(op, values, signed)
        case comb.ExtractOp():
            return values[0] >> op.low_bit.value.data
        case comb.ReplicateOp():
            count = value_width(op.result) // widths[0]
            return _join(list(values) * count, widths * count)
        case hw.ArrayGetOp():
            return values[0] >> (values[1] * value_width(op.result))
        case _:
            assert isinstance(op, comb.ConcatOp | hw.ArrayCreateOp), op.name
            return _join(values, widths)


def evaluate(module: ModuleOp, stimuli: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    """Returns the outputs of the first module, cycle by cycle, before the clock edge."""
    top = module.body.block.first_op
    assert isinstance(top, hw.HWModuleOp)
    block = top.body.block
    ops = list(block.ops)
    registers = [op for op in ops if isinstance(op, seq.CompRegOp)]
    state: dict[SSAValue, int] = dict.fromkeys((r.data for r in registers), 0)
    rows: list[tuple[int, ...]] = []
    for row in stimuli:
        env = {**state, **dict(zip(block.args[1:], row, strict=True))}
        for op in ops:
            if op.results and not isinstance(op, seq.CompRegOp):
                result = _evaluate(op, [env[v] for v in op.operands])
                env[op.results[0]] = int(result) % (1 << value_width(op.results[0]))
        rows.append(tuple(env[v] for v in ops[-1].operands))
        for r in registers:
            assert r.reset is not None
            assert r.reset_value is not None
            state[r.data] = env[r.reset_value] if env[r.reset] else env[r.input]
    return rows


def random_stimuli(seed: int, cycles: int) -> list[tuple[int, ...]]:
    """Returns inputs for `cycles` cycles; the first two hold the reset."""
    source = random.Random(seed)
    rows = [[source.randrange(1 << w) for w in INPUTS.values()] for _ in range(cycles)]
    for i, row in enumerate(rows):
        row[0] = 0 if i < 2 else int(source.random() < 0.95)
    return [tuple(row) for row in rows]
