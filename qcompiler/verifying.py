"""Verifies modules without doing it twice: for IR that did not change, and equal operations."""

from collections.abc import Mapping
from operator import is_

from xdsl.dialects import comb, hw, seq
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Attribute, Block, ErasedSSAValue, Operation

_ALONE = frozenset({*comb.Comb.operations, hw.ConstantOp, seq.CompRegOp})
"""Operations that look, when they verify, at nothing but their own properties and at types."""


class Verifier:
    """Verifies a module again and again, as passes change it."""

    def __init__(self) -> None:
        self._verified: list[object] = []

    def verify(self, module: ModuleOp) -> None:
        """Does what `module.verify()` does, unless all is as it was the last time.

        Raises:
            VerifyException: an operation does not verify.
        """
        now = _contents(module)
        if len(now) == len(self._verified) and all(map(is_, now, self._verified)):
            return
        self._verified = []
        verify(module)
        self._verified = now


def _contents(module: ModuleOp) -> list[object]:
    """Returns every operation, and what it consists of: all of that cannot change by itself."""
    found: list[object] = []
    for op in module.walk():
        found += (op, op.parent, *op.operands, *op.successors, *op.regions)
        for held in (op.properties, op.attributes):
            found += held.keys()
            found += held.values()
        found += [result.type for result in op.results]
        for region in op.regions:
            for block in region.blocks:
                found += (block, block.parent, *(argument.type for argument in block.args))
    return found


def verify(module: ModuleOp) -> None:
    """Does what `module.verify()` does; of equal operations of hardware it verifies one.

    Raises:
        VerifyException: an operation does not verify.
    """
    hardware = [op for op in module.ops if type(op) is hw.HWModuleOp and op.body.first_block]
    if not hardware:
        return module.verify()
    module.verify(verify_nested_ops=False)
    known: set[tuple[object, ...]] = set()
    ports = _ports(module)
    for op in module.ops:
        _require_parent(op, module.body.block)
        if type(op) is hw.HWModuleOp and len(op.body.blocks) == 1:
            op.verify(verify_nested_ops=False)
            _verify_block(op.body.block, known, ports)
        else:
            op.verify()
    return None


_Ports = Mapping[Attribute, tuple[list[str], list[str]] | None]
"""By name of a module, the names of what it takes and of what it gives; None if in doubt."""


def _ports(module: ModuleOp) -> _Ports:
    """Returns the ports of modules, of those that come first by a name."""
    found: dict[Attribute, tuple[list[str], list[str]] | None] = {}
    for op in module.ops:
        name = op.properties.get("sym_name")
        if name is not None and name not in found:
            found[name] = _ports_of(op) if type(op) is hw.HWModuleOp else None
    return found


def _ports_of(module: hw.HWModuleOp) -> tuple[list[str], list[str]] | None:
    """Returns the ports of one module; None if two have the same name."""
    taken, given = list[str](), list[str]()
    for port in module.module_type.ports:
        direction = port.dir.data
        if direction.is_input_like():
            taken.append(port.port_name.data)
        elif direction.is_output_like():
            given.append(port.port_name.data)
    unique = len({*taken}) == len(taken) and len({*given}) == len(given)
    return (taken, given) if unique else None


def _verify_instance(op: hw.InstanceOp, ports: _Ports) -> None:
    """Does what `op.verify()` does, which looks for the module among all, and then at names."""
    names = [name.data for name in op.arg_names], [name.data for name in op.result_names]
    counts = len(op.inputs), len(op.outputs)
    module = op.module_name
    fits = not module.nested_references.data and ports.get(module.root_reference) == names
    if fits and counts == (len(names[0]), len(names[1])):
        op.get_irdl_definition().verify(op)
    else:
        op.verify()


def _verify_block(block: Block, known: set[tuple[object, ...]], ports: _Ports) -> None:
    last = block.last_op
    for op in block.ops:
        _require_parent(op, block)
        operands = op._operands  # pyright: ignore[reportPrivateUsage]  `operands` is a slow view
        alike = type(op) is hw.InstanceOp or type(op) in _ALONE
        if not alike or op is last or ErasedSSAValue in map(type, operands):
            op.verify()
            continue
        held = (*op.properties.items(), *op.attributes.items())
        if type(op) is hw.InstanceOp:  # of one module, with all their names in lists of their own
            named = [item for item in held if item[0] != "instanceName"]
        else:
            named = [(name, id(value)) for name, value in held]
        key = (
            type(op),
            tuple([id(operand.type) for operand in operands]),
            tuple([id(result.type) for result in op.results]),
            *named,
        )
        if key not in known:
            if type(op) is hw.InstanceOp:
                _verify_instance(op, ports)
            else:
                op.verify()
            known.add(key)


def _require_parent(op: Operation, block: Block) -> None:
    if op.parent is not block:
        raise ValueError(f"{op.name} stands in a block that it does not know of")
