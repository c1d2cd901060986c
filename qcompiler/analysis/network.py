"""The processes of a streaming core, in order, with names."""

from collections.abc import Iterator
from dataclasses import dataclass

from xdsl.dialects import func
from xdsl.dialects.builtin import FunctionType, ModuleOp
from xdsl.ir import SSAValue

from qcompiler.dialects import stream
from qcompiler.provenance.sources import identifier, source_node


@dataclass(frozen=True)
class Network:
    """The streaming core of a module.

    Attributes:
        core: the function whose body is the network of processes.
    """

    core: func.FuncOp

    @staticmethod
    def of(module: ModuleOp) -> "Network | None":
        """Returns the network of a module, if it has one at the stream level."""
        for op in module.ops:
            if isinstance(op, func.FuncOp) and op.sym_name.data == "core":
                channels = op.args and isinstance(op.args[0].type, stream.ChannelType)
                return Network(op) if channels else None
        return None

    @property
    def processes(self) -> list[stream.Process]:
        """All processes, producers first."""
        return [op for op in self.core.body.block.ops if isinstance(op, stream.Process)]

    @property
    def inputs(self) -> tuple[SSAValue, ...]:
        """The channels that come from outside."""
        return tuple(self.core.args)

    @property
    def outputs(self) -> tuple[SSAValue, ...]:
        """The channels that leave."""
        returned = self.core.get_return_op()
        assert returned is not None
        return tuple(returned.operands)

    @property
    def has_handshake(self) -> bool:
        """Whether beats wait at its ports; a pipeline that is alone may do without."""
        return all(process.has_handshake for process in self.processes)

    def update_type(self) -> None:
        """Makes the function's type follow its arguments and results."""
        self.core.function_type = FunctionType.from_lists(
            [value.type for value in self.inputs], [value.type for value in self.outputs]
        )

    def named(self) -> Iterator[tuple[str, stream.Process]]:
        """Yields each process with a unique name: the model's node (or value), and its kind."""
        taken: set[str] = set()
        for process in self.processes:
            kind = process.name.removeprefix("stream.").replace(".", "_")
            named = source_node(process) or process.results[0].name_hint or ""
            hint = identifier(named, "n")
            wanted = name = f"{hint}_{kind}"
            count = 1
            while name in taken:
                count += 1
                name = f"{wanted}_{count}"
            taken.add(name)
            yield name, process
