"""Decides what of a module is printed, in which order, and what must have a name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct, field
from xdsl.dialects import comb, hw, seq
from xdsl.ir import Block, Operation, OpResult, SSAValue

from qcompiler.backends.verilog.legalize import STATEFUL_OPS, constant_value, slice_low, value_width
from qcompiler.dialects import rtl

_MAX_BRANCHES = 4

_ROOTS = frozenset[type[Operation]]({hw.OutputOp, hw.InstanceOp})
"""The ops that others are printed for."""


class Branch(Struct, frozen=True):
    """One `if (condition) q <= value` of a register; `inverted` means `if (!condition)`."""

    condition: SSAValue
    inverted: bool
    value: SSAValue


class Plan(Struct):
    """Facts about one module. All values in it are resolved (see `resolve`)."""

    order: list[Operation] = field(default_factory=list[Operation])
    """The live ops, every combinational one after the ops it reads."""
    forward: set[Operation] = field(default_factory=set[Operation])
    """Stateful ops that are read before their place in `order`."""
    operands: dict[Operation, list[SSAValue]] = field(
        default_factory=dict[Operation, list[SSAValue]]
    )
    branches: dict[Operation, list[Branch]] = field(default_factory=dict[Operation, list[Branch]])
    """Conditional updates of registers whose enable multiplexers are printed as `if`."""
    use_count: dict[SSAValue, int] = field(default_factory=dict[SSAValue, int])
    last_user: dict[SSAValue, Operation] = field(default_factory=dict[SSAValue, Operation])
    used_bits: dict[SSAValue, int] = field(default_factory=dict[SSAValue, int])
    """Which bits of a value anything reads, as a mask."""
    named: set[SSAValue] = field(default_factory=set[SSAValue])
    """Values that Verilog can only slice or index as a signal of their own."""
    extended: dict[SSAValue, SSAValue] = field(default_factory=dict[SSAValue, SSAValue])
    """Factors of multiplications that are extensions of a narrower value, and that value."""
    inlined: set[SSAValue] = field(default_factory=set[SSAValue])
    """Parts of a sign extension, which read best in place however often they are used."""


_RENAMING_OPS = frozenset[type[Operation | Block]](
    {
        hw.BitcastOp,
        hw.ArrayCreateOp,
        comb.ReplicateOp,
        comb.ExtractOp,
        comb.ConcatOp,
        comb.AddOp,
        comb.MulOp,
        comb.AndOp,
        comb.OrOp,
        comb.XorOp,
    }
)
"""The ops that pass their operand on as it is, if they have just one and of the same width."""


def resolve(value: SSAValue) -> SSAValue:
    """Returns the value behind ops that only rename bits (full slices, one-part joins, casts)."""
    while type(value.owner) in _RENAMING_OPS:
        op = value.owner
        assert isinstance(op, Operation)
        if len(op.operands) != 1 or value_width(op.operands[0]) != value_width(value):
            break
        value = op.operands[0]
    return value


def extension_source(value: SSAValue) -> SSAValue | None:
    """Returns x if `value` is the sign or zero extension of x, else None."""
    op = value.owner
    if type(op) is comb.ReplicateOp:
        source = resolve(op.operands[0])
        return source if value_width(source) == 1 else None
    if type(op) is not comb.ConcatOp or len(op.operands) != 2:
        return None
    high, source = (resolve(part) for part in op.operands)
    if constant_value(high) == 0 and constant_value(source) is None:
        return source
    if type(high.owner) is comb.ReplicateOp:
        high = resolve(high.owner.operands[0])
    return source if _is_sign_bit(high, source) else None


def _is_sign_bit(bit: SSAValue, of: SSAValue) -> bool:
    if bit is of:
        return value_width(of) == 1
    op = bit.owner
    return (
        type(op) is comb.ExtractOp
        and resolve(op.operands[0]) is of
        and value_width(bit) == 1
        and op.low_bit.value.data == value_width(of) - 1
    )


def plan_module(module: hw.HWModuleOp) -> Plan:
    """Returns the plan of a checked module.

    Raises:
        ValueError: the module has a combinational loop.
    """
    plan = Plan()
    live = _find_live(module, plan)
    _order(module, live, plan)
    for op in plan.order:
        _note_uses(op, plan)
    return plan


def _find_live(module: hw.HWModuleOp, plan: Plan) -> set[Operation]:
    """Returns the ops that reach an output or an instance, and fills `operands`."""
    pending: list[Operation] = [op for op in module.body.block.ops if type(op) in _ROOTS]
    live = set[Operation]()
    while pending:
        op = pending.pop()
        if op in live:
            continue
        live.add(op)
        operands = [resolve(value) for value in _live_operands(op, plan)]
        plan.operands[op] = operands
        pending += [value.op for value in operands if isinstance(value, OpResult)]
    return live


def _live_operands(op: Operation, plan: Plan) -> Sequence[SSAValue]:
    if type(op) in STATEFUL_OPS:
        return _live_operands_of_state(op, plan)
    if op.results and constant_value(op.results[0]) is not None:
        return ()
    return op.operands


def _live_operands_of_state(op: Operation, plan: Plan) -> Sequence[SSAValue]:
    # A memory of one word is a register: nobody looks at its addresses.
    if type(op) is rtl.RomOp and op.depth_words == 1:
        return (op.clk, op.enable)
    if type(op) is rtl.RamOp and op.depth_words == 1:
        return (op.clk, op.write_enable, op.write_data, op.read_enable)
    if type(op) is seq.CompRegOp and (branches := _register_branches(op)):
        plan.branches[op] = branches
        used = [part for branch in branches for part in (branch.condition, branch.value)]
        return (*op.operands[1:], *used)
    return op.operands


def _register_branches(op: seq.CompRegOp) -> list[Branch] | None:
    """Returns the update of `op` as an if/else-if chain that else holds, or None."""
    branches: list[Branch] = []
    value, data = op.operands[0], op.results[0]
    while len(branches) < _MAX_BRANCHES:
        mux = value.owner
        if (
            type(mux) is not comb.MuxOp
            or not value.has_one_use()
            or "rtl.comment" in mux.attributes
        ):
            return None
        condition, if_true, if_false = mux.operands
        if if_true is data:
            branches.append(Branch(resolve(condition), True, resolve(if_false)))
            return branches
        branches.append(Branch(resolve(condition), False, resolve(if_true)))
        if if_false is data:
            return branches
        value = if_false
    return None


def _order(module: hw.HWModuleOp, live: set[Operation], plan: Plan) -> None:
    """Sorts topologically, staying close to program order; state breaks the cycles."""
    done = set[Operation]()
    for root in module.body.block.ops:
        if root in live and root not in done:
            _visit(module, root, done, plan)


def _visit(module: hw.HWModuleOp, root: Operation, done: set[Operation], plan: Plan) -> None:
    # An explicit stack: an adder chain may be deeper than Python's recursion limit.
    stack: list[tuple[Operation, Iterator[SSAValue]]] = [(root, iter(plan.operands[root]))]
    on_stack = {root}
    while stack:
        op, operands = stack[-1]
        producers = (value.op for value in operands if isinstance(value, OpResult))
        source = next((producer for producer in producers if producer not in done), None)
        if source is None:
            stack.pop()
            on_stack.discard(op)
            done.add(op)
            plan.order.append(op)
        elif type(source) in STATEFUL_OPS:
            plan.forward.add(source)
        else:
            if source in on_stack:
                name = module.sym_name.data
                raise ValueError(
                    f"cannot emit Verilog:\n  hw.module @{name}: combinational loop through "
                    f"{source.name} %{source.results[0].name_hint or '?'}; break it with a register"
                )
            on_stack.add(source)
            stack.append((source, iter(plan.operands[source])))


def _note_uses(op: Operation, plan: Plan) -> None:
    operands = plan.operands[op]
    low = slice_low(op)
    for value in operands:
        plan.use_count[value] = plan.use_count.get(value, 0) + 1
        plan.last_user[value] = op
        if low is not None and value is operands[0]:
            read = ((1 << value_width(op.results[0])) - 1) << low
        else:
            read = 1 if type(value.type) is seq.ClockType else (1 << value_width(value)) - 1
        plan.used_bits[value] = plan.used_bits.get(value, 0) | read
    if type(op) in (comb.ExtractOp, hw.ArrayGetOp):
        plan.named.update(operands[:1])
    for value in operands if type(op) is comb.MulOp else ():
        source = extension_source(value)
        if source is not None:
            plan.extended[value] = source
    if op.results and extension_source(op.results[0]) is not None:
        _inline_sign_bits(op, plan)


def _inline_sign_bits(op: Operation, plan: Plan) -> None:
    high = plan.operands[op][0] if plan.operands[op] else None
    while high is not None and isinstance(high.owner, comb.ReplicateOp | comb.ExtractOp):
        plan.inlined.add(high)
        high = plan.operands[high.owner][0] if isinstance(high.owner, comb.ReplicateOp) else None
