"""Verilog expressions, with the context rules of the language kept local.

Verilog sizes and signs an expression by its context. Two facts keep that harmless: operands of
one op have one width, so nothing is ever extended implicitly; and every `Expr` knows whether
Verilog sees it as signed, so an op that cares (comparison, arithmetic shift, division) casts.
What a surrounding unsigned operand could still change (`isolated`) gets a signal of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from msgspec import Struct
from msgspec.structs import replace
from xdsl.dialects import comb, hw
from xdsl.ir import Operation

from qcompiler.backends.verilog.legalize import constant_value, slice_low, value_width
from qcompiler.dialects import rtl

# Binding strength, as in the standard's table of operators, strongest first.
ATOM, UNARY, MUL, ADD, SHIFT, RELATION, EQUALITY, AND, XOR, OR, LOGICAL_AND, LOGICAL_OR = range(
    12, 0, -1
)
CONDITIONAL = 0
REDUCTION = -1
"""Of `^x`: as an operand it is always put in parentheses, or `a ^ ^x` would be hard to read."""

_MAX_DECIMAL_WIDTH = 32


class Expr(Struct, frozen=True):
    """A Verilog expression of known width."""

    text: str
    width: int
    precedence: int = ATOM
    signed: bool = False
    """Whether Verilog takes it as signed (its bits are the same either way)."""
    depth: int = 0
    constant: int | None = None
    """Its value, unsigned, if it is a literal."""
    negated: str | None = None
    """The negated expression, if that is easier to read after a minus sign."""
    joined: str | None = None
    """The parts of a concatenation, without the braces."""
    factor: bool = False
    """An extended value, declared signed to be multiplied."""
    product: bool = False
    """Holds a signed product, which an unsigned operand beside it would make unsigned."""
    isolated: bool = False
    """Its value would change in an unsigned context."""


def literal(value: int, width: int) -> Expr:
    """Returns an unsigned literal of `value` modulo 2**width."""
    value %= 1 << width
    if width == 1:
        text = f"1'b{value}"
    elif width > _MAX_DECIMAL_WIDTH and value > 9:
        text = f"{width}'h{value:x}"
    else:
        text = f"{width}'d{value}"
    return Expr(text, width, constant=value)


def signed_literal(value: int, width: int) -> Expr:
    """Returns a signed literal of `value` modulo 2**width, e.g. `-8'sd3`."""
    value %= 1 << width
    half = 1 << (width - 1)
    if value == half:
        # The lowest number has no positive counterpart to put a minus before.
        return Expr(f"{width}'sh{value:x}", width, signed=True, constant=value)
    if value < half:
        return Expr(f"{width}'sd{value}", width, signed=True, constant=value)
    magnitude = f"{width}'sd{2 * half - value}"
    return Expr(f"-{magnitude}", width, UNARY, True, constant=value, negated=magnitude)


def _as_signed(expr: Expr) -> Expr:
    if expr.constant is not None:
        return signed_literal(expr.constant, expr.width)
    if expr.signed:
        return expr
    return replace(expr, text=f"$signed({expr.text})", precedence=ATOM, signed=True, joined=None)


def _as_unsigned(expr: Expr) -> Expr:
    if not expr.signed:
        return expr
    return replace(expr, text=f"$unsigned({expr.text})", precedence=ATOM, signed=False)


def _wrapped(expr: Expr, weakest: int) -> str:
    """Returns the text, in parentheses if it binds less than `weakest`."""
    return expr.text if expr.precedence >= weakest else f"({expr.text})"


def _depth(operands: Sequence[Expr], same: int | None = None) -> int:
    """Returns the nesting depth; operands of precedence `same` continue a chain for free."""
    return max(o.depth + (o.precedence != same) for o in operands)


def _all_signed(operands: Sequence[Expr]) -> bool:
    variable = [o for o in operands if o.constant is None]
    return bool(variable) and all(o.signed for o in variable)


def _sum(operands: Sequence[Expr], minus: Sequence[bool]) -> Expr:
    product = any(o.product for o in operands)
    signed = product or _all_signed(operands)
    if signed:
        operands = [_as_signed(o) for o in operands]
    parts = [_wrapped(operands[0], ADD)]
    for operand, negative in zip(operands[1:], minus[1:], strict=True):
        text, flip = _term(operand, negative)
        parts.append(f"{'-' if negative != flip else '+'} {text}")
    depth = _depth(operands, ADD)
    return Expr(" ".join(parts), operands[0].width, ADD, signed, depth, product=product)


def _term(operand: Expr, negative: bool) -> tuple[str, bool]:
    """Returns the text of a later term of a sum, and whether it stands negated."""
    if operand.negated is not None:
        return operand.negated, True
    width, value = operand.width, operand.constant
    # `x + 8'd255` is how IR says `x - 8'd1`.
    if not operand.signed and value is not None and width > 2 and value >= 3 << (width - 2):
        return literal(-value, width).text, True
    return _wrapped(operand, MUL if negative else ADD), False


def _add(_op: Operation, operands: Sequence[Expr]) -> Expr:
    return _sum(operands, [False] * len(operands))


def _sub(_op: Operation, operands: Sequence[Expr]) -> Expr:
    return _sum(operands, [False, True])


def _mul(_op: Operation, operands: Sequence[Expr]) -> Expr:
    product = any(o.factor or o.product for o in operands)
    if product:
        operands = [_as_signed(o) for o in operands]
    signed = product or _all_signed(operands)
    if signed:
        operands = [_as_signed(o) for o in operands]
    negated = None
    if sum(o.negated is not None for o in operands) == 1:
        negated = " * ".join(o.negated or _wrapped(o, MUL) for o in operands)
    text = " * ".join(_wrapped(o, MUL) for o in operands)
    depth = _depth(operands, MUL)
    width = operands[0].width
    return Expr(text, width, MUL, signed, depth, negated=negated, product=product)


def _bitwise(symbol: str, precedence: int) -> Callable[[Operation, Sequence[Expr]], Expr]:
    def build(_op: Operation, operands: Sequence[Expr]) -> Expr:
        width = operands[0].width
        if width == 1 and symbol != "^":
            return _logical(symbol, operands)
        parts = [o.text if o.precedence == precedence else _wrapped(o, UNARY) for o in operands]
        signed = all(o.signed for o in operands)
        depth = _depth(operands, precedence)
        return Expr(f" {symbol} ".join(parts), width, precedence, signed, depth)

    return build


def _logical(symbol: str, operands: Sequence[Expr]) -> Expr:
    """Joins single bits as people write conditions: `a == b && !c`."""
    precedence = LOGICAL_AND if symbol == "&" else LOGICAL_OR
    plain = (ATOM, UNARY, RELATION, EQUALITY, precedence)
    parts = [o.text if o.precedence in plain else f"({o.text})" for o in operands]
    return Expr(f" {symbol * 2} ".join(parts), 1, precedence, depth=_depth(operands, precedence))


_xor_plain = _bitwise("^", XOR)


def _xor(op: Operation, operands: Sequence[Expr]) -> Expr:
    ones = (1 << operands[0].width) - 1
    variable = [o for o in operands if o.constant != ones]
    if len(operands) != 2 or len(variable) != 1:
        return _xor_plain(op, operands)
    operand = variable[0]
    symbol = "!" if operand.width == 1 else "~"
    text = f"{symbol}{_wrapped(operand, ATOM)}"
    signed = operand.signed and operand.width > 1
    return Expr(text, operand.width, UNARY, signed, _depth(operands))


_RELATIONS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


def _icmp(op: Operation, operands: Sequence[Expr]) -> Expr:
    predicate = comb.ICMP_COMPARISON_OPERATIONS[cast(comb.ICmpOp, op).predicate.value.data]
    precedence = EQUALITY if predicate in ("eq", "ne") else RELATION
    symbol = _RELATIONS[predicate if precedence == EQUALITY else predicate[1:]]
    lhs, rhs = operands
    if predicate[0] == "s":
        lhs, rhs = _as_signed(lhs), _as_signed(rhs)
    elif lhs.signed and rhs.signed:
        lhs = _as_unsigned(lhs)
    text = f"{_wrapped(lhs, ADD)} {symbol} {_wrapped(rhs, ADD)}"
    return Expr(text, 1, precedence, depth=_depth(operands))


def _shift(symbol: str) -> Callable[[Operation, Sequence[Expr]], Expr]:
    def build(_op: Operation, operands: Sequence[Expr]) -> Expr:
        value, amount = operands
        value = _as_signed(value) if symbol == ">>>" else value
        # The amount is self-determined, so a bare number is as good as a sized one.
        amount_text = _wrapped(amount, UNARY) if amount.constant is None else str(amount.constant)
        text = f"{_wrapped(value, UNARY)} {symbol} {amount_text}"
        isolated = symbol == ">>>"
        depth = _depth(operands)
        return Expr(text, value.width, SHIFT, value.signed, depth, isolated=isolated)

    return build


def _divide(symbol: str, signed: bool) -> Callable[[Operation, Sequence[Expr]], Expr]:
    def build(_op: Operation, operands: Sequence[Expr]) -> Expr:
        parts = [_as_signed(o) if signed else _as_unsigned(o) for o in operands]
        text = f" {symbol} ".join(_wrapped(o, UNARY) for o in parts)
        return Expr(text, parts[0].width, MUL, signed, _depth(operands), isolated=True)

    return build


def _concat(_op: Operation, operands: Sequence[Expr]) -> Expr:
    joined = ", ".join(o.text if o.joined is None else o.joined for o in operands)
    width = sum(o.width for o in operands)
    return Expr(f"{{{joined}}}", width, depth=_depth(operands), joined=joined)


def _array(op: Operation, operands: Sequence[Expr]) -> Expr:
    bits = [o.constant for o in operands if o.width == 1 and o.constant is not None]
    if len(bits) < len(operands):
        return _concat(op, operands)
    value = int("".join(map(str, bits)), 2)  # a table of bits, the first word last
    return Expr(f"{len(bits)}'h{value:x}", len(bits), constant=value)


def _replicate(op: Operation, operands: Sequence[Expr]) -> Expr:
    (operand,) = operands
    width = value_width(op.results[0])
    inner = operand.text if operand.joined is None else operand.joined
    return Expr(f"{{{width // operand.width}{{{inner}}}}}", width, depth=_depth(operands))


def slice_text(name: str, low: int, width: int, of: int) -> str:
    """Returns the text of bits `low` up to `low + width - 1` of signal `name`, `of` bits wide."""
    if width == of:
        return name
    return f"{name}[{low}]" if width == 1 else f"{name}[{low + width - 1}:{low}]"


def _extract(op: Operation, operands: Sequence[Expr]) -> Expr:
    low, width, source = slice_low(op), value_width(op.results[0]), operands[0]
    assert low is not None
    return Expr(slice_text(source.text, low, width, source.width), width)


def _parity(_op: Operation, operands: Sequence[Expr]) -> Expr:
    return Expr(f"^{_wrapped(operands[0], ATOM)}", 1, REDUCTION, depth=_depth(operands))


def _mux(_op: Operation, operands: Sequence[Expr]) -> Expr:
    condition, yes, no = operands
    parts = (
        _wrapped(condition, LOGICAL_OR),
        _wrapped(yes, LOGICAL_OR),
        _wrapped(no, CONDITIONAL),
    )
    depth = max(_depth(operands[:2]), no.depth + (no.precedence != CONDITIONAL))
    signed = yes.signed and no.signed
    return Expr("{} ? {} : {}".format(*parts), yes.width, CONDITIONAL, signed, depth)


def _array_get(op: Operation, operands: Sequence[Expr]) -> Expr:
    if slice_low(op) is not None:
        return _extract(op, operands)
    array, index = operands
    width = value_width(op.results[0])
    bits = (array.width - 1).bit_length()
    shift = width.bit_length() - 1
    # The offset has exactly the width that addresses every bit, or lint tools complain.
    if width == 1:
        text = f"{array.text}[{index.text}]"
    elif width == 1 << shift:
        text = f"{array.text}[{{{index.text}, {shift}'d0}} +: {width}]"
    else:
        padding = bits - index.width
        text = f"{array.text}[{{{padding}'d0, {index.text}}} * {bits}'d{width} +: {width}]"
    return Expr(text, width, depth=_depth(operands))


def _shift_add(op: Operation, operands: Sequence[Expr]) -> Expr:
    """Returns a sum that Verilog extends by itself: all its terms are signed, or none is."""
    terms = cast(rtl.ShiftAddOp, op).terms
    signed = any(is_signed for _, _, is_signed in terms)
    parts: list[tuple[int, str]] = []
    for (shift, sign, is_signed), operand in zip(terms, operands, strict=True):
        parts.append((sign, _shifted_term(operand, shift, is_signed, signed)))
    parts.sort(key=lambda part: -part[0])  # what is subtracted comes last
    text = "".join(f" {'-' if sign < 0 else '+'} {part}" for sign, part in parts)
    text = text.removeprefix(" + ").strip()
    return Expr(text, value_width(op.results[0]), ADD, signed, _depth(operands), isolated=True)


def _shifted_term(operand: Expr, shift: int, is_signed: bool, cast_: bool) -> str:
    parts = ["1'b0"] * (cast_ and not is_signed)
    parts += [operand.text if operand.joined is None else operand.joined]
    parts += [f"{shift}'d0"] * bool(shift)
    joined = f"{{{', '.join(parts)}}}" if len(parts) > 1 else operand.text
    if not cast_ and len(parts) == 1 and operand.signed:
        return f"$unsigned({joined})"
    if not cast_ or (len(parts) == 1 and operand.signed):
        return joined
    return f"$signed({joined})"


_BUILDERS: dict[type[Operation], Callable[[Operation, Sequence[Expr]], Expr]] = {
    comb.AddOp: _add,
    comb.SubOp: _sub,
    comb.MulOp: _mul,
    comb.DivUOp: _divide("/", False),
    comb.DivSOp: _divide("/", True),
    comb.ModUOp: _divide("%", False),
    comb.ModSOp: _divide("%", True),
    comb.ShlOp: _shift("<<"),
    comb.ShrUOp: _shift(">>"),
    comb.ShrSOp: _shift(">>>"),
    comb.AndOp: _bitwise("&", AND),
    comb.OrOp: _bitwise("|", OR),
    comb.XorOp: _xor,
    comb.ICmpOp: _icmp,
    comb.ParityOp: _parity,
    comb.ExtractOp: _extract,
    comb.ConcatOp: _concat,
    comb.ReplicateOp: _replicate,
    comb.MuxOp: _mux,
    hw.ArrayCreateOp: _array,
    hw.ArrayGetOp: _array_get,
    rtl.ShiftAddOp: _shift_add,
}


def build(op: Operation, operands: Sequence[Expr]) -> Expr:
    """Returns the expression of a combinational op over the expressions of its operands."""
    constant = constant_value(op.results[0])
    if constant is not None:
        return literal(constant, value_width(op.results[0]))
    return _BUILDERS[type(op)](op, operands)
