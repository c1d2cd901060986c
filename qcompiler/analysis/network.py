"""The processes of a streaming core, in order, with names."""

from collections.abc import Iterator

from msgspec import Struct
from xdsl.dialects import func
from xdsl.dialects.builtin import FunctionType, ModuleOp
from xdsl.ir import SSAValue

from qcompiler.dialects import qint, stream
from qcompiler.dialects.attributes import Array
from qcompiler.provenance.sources import identifier, source_node


class State(Struct, frozen=True):
    """What one frame leaves for the next.

    Attributes:
        taken: the channel on which a frame gets it.
        left: the channel on which a frame leaves it.
        initial: what the first frame gets, int64.
    """

    taken: SSAValue
    left: SSAValue
    initial: Array


class Network(Struct, frozen=True):
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
        """The channels that it takes: from outside, then its states."""
        return tuple(self.core.args)

    @property
    def outputs(self) -> tuple[SSAValue, ...]:
        """The channels that it makes: those that leave, then its states."""
        returned = self.core.get_return_op()
        assert returned is not None
        return tuple(returned.operands)

    @property
    def states(self) -> list[State]:
        """What one frame leaves for the next."""
        initial = qint.state_of(self.core)
        taken = self.inputs[len(self.inputs) - len(initial) :]
        left = self.outputs[len(self.outputs) - len(initial) :]
        return [State(*parts) for parts in zip(taken, left, initial, strict=True)]

    @property
    def sources(self) -> list[tuple[str, stream.WeightSourceOp]]:
        """What brings weights from outside, with the names of `named`."""
        return [(n, p) for n, p in self.named() if isinstance(p, stream.WeightSourceOp)]

    @property
    def least_bus_cycles(self) -> int:
        """Cycles of a frame in which weights come over the bus, however they are folded."""
        read = [source for _, source in self.sources if not source.is_writable]
        bits = [source.channel.channels * source.channel.element.width_bits for source in read]
        return sum(-(-n // source.bus_bits) for n, source in zip(bits, read, strict=True))

    @property
    def takes_swaps(self) -> bool:
        """Whether each frame says if it uses the weights that the host has written next."""
        sources = (p for p in self.processes if isinstance(p, stream.WeightSourceOp))
        return any(source.is_writable for source in sources)

    @property
    def ports(self) -> tuple[tuple[SSAValue, ...], tuple[SSAValue, ...]]:
        """The channels that come from outside the hardware, and those that leave it."""
        count = len(qint.state_of(self.core))
        return self.inputs[: len(self.inputs) - count], self.outputs[: len(self.outputs) - count]

    @property
    def port_channels(self) -> tuple[list[stream.ChannelType], list[stream.ChannelType]]:
        """What flows through the ports of the hardware: those that take, and those that give.

        With states, one more takes a number for each frame that says where sequences begin; with
        weights that the host writes, one more says which frames are the first of a new set.
        """
        taken, given = ([stream.channel_of(v) for v in values] for values in self.ports)
        numbers = [stream.RESTART] * bool(self.states) + [stream.SWAP] * self.takes_swaps
        return [*taken, *numbers], given

    @property
    def has_handshake(self) -> bool:
        """Whether beats wait at its ports; a pipeline that is alone may do without."""
        return all(process.has_handshake for process in self.processes)

    def input_name(self, value: SSAValue) -> str:
        """Returns what gives one of `inputs`: a port, or the keeper of a state."""
        index, ports = self.inputs.index(value), len(self.ports[0])
        return f"s_axis_{index}" if index < ports else f"state_{index - ports}"

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
