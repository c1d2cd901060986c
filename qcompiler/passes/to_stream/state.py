"""What the conversion to streams knows while it walks the core."""

from msgspec import Struct, field
from xdsl.builder import Builder
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

from qcompiler.arith.requantizers import Requantizer
from qcompiler.dialects import qint, stream
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.errors import Problem
from qcompiler.provenance.sources import identifier, place_of


def frame_of(type_: Attribute) -> tuple[int, ...]:
    """Returns the frame of a tensor: its shape without the batch, space as [height, width]."""
    shape = shape_of(type_)
    if len(shape) > 1 and shape[0] == 1:
        shape = shape[1:]
    return (1, *shape) if len(shape) == 2 else shape


def channel_like(type_: Attribute) -> stream.ChannelType:
    """Returns the channel for a tensor, with one lane."""
    return stream.ChannelType(qint.int_type_of(type_), frame_of(type_), 1)


class Conversion(Struct):
    """The state while the operations of @core are walked."""

    module: ModuleOp
    builder: Builder
    values: dict[SSAValue, SSAValue] = field(default_factory=dict[SSAValue, SSAValue])
    problems: list[Problem] = field(default_factory=list[Problem])
    names: set[str] = field(default_factory=set[str])

    def unique(self, wanted: str) -> str:
        """Returns a symbol name not used yet."""
        name, count = wanted, 1
        while name in self.names:
            count += 1
            name = f"{wanted}_{count}"
        self.names.add(name)
        return name

    def weights(self, op: Operation, constant: qint.ConstantOp, matrix: Array) -> str:
        """Adds named weights before the core; returns their name."""
        hint = constant.result.name_hint or op.results[0].name_hint or "weights"
        name = self.unique(identifier(hint, "weights"))
        self.add_weights(name, matrix, constant)
        return name

    def add_weights(self, name: str, matrix: Array, source: Operation) -> None:
        """Adds weights under a name before the core, from the source of an operation."""
        symbol = stream.WeightsOp(name, matrix)
        symbol.location = source.location
        core = self.builder.insertion_point.block.parent_op()
        assert core is not None
        self.module.body.block.insert_op_before(symbol, core)

    def refuse(self, op: Operation, what: str, remedy: str) -> None:
        """Records why an operation has no process."""
        self.problems.append(Problem(place_of(op), what, remedy))

    def emit(self, op: Operation, process: stream.Process) -> None:
        """Adds the process for an operation and carries name and source over."""
        self.values[op.results[0]] = self.insert(op, process, op.results[0])

    def insert(self, op: Operation, process: stream.Process, named: SSAValue) -> SSAValue:
        """Adds a process from an operation's source, called as `named` is; returns its result."""
        process.location = op.location
        process.results[0].name_hint = named.name_hint
        self.builder.insert(process)
        return process.results[0]


def scalar_process(
    op: Operation, value: SSAValue, form: Requantizer, made: qint.IntType
) -> stream.RequantizeOp:
    """Returns the process that applies a hardware form to a channel, not yet inserted."""
    block = Block(arg_types=[stream.channel_of(value).element])
    scalar = qint.requantizer_op(form, block.args[0], made.range, None)
    scalar.location = op.location
    block.add_ops([scalar, qint.YieldOp(scalar.result)])
    return stream.RequantizeOp(value, Region(block), made)
