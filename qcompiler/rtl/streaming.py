"""What all blocks with a valid/ready handshake share.

Every block is a pipeline that moves as a whole while `enable` is high, followed by a register slice
(two entries) whose ready is a register. So no combinational path leads from one side's handshake to
the other's, and any stall pattern changes timing only.
"""

from collections.abc import Callable, Sequence
from functools import reduce

from msgspec import Struct
from xdsl.dialects import hw, seq
from xdsl.dialects.builtin import UnitAttr

from qcompiler.dialects import rtl, stream
from qcompiler.rtl.builder import ModuleBuilder, Register, Signal


class Library:
    """The modules of a design, each name once; small helpers are shared by their shape."""

    def __init__(self) -> None:
        self.modules: dict[str, hw.HWModuleOp] = {}

    def add(self, module: hw.HWModuleOp) -> hw.HWModuleOp:
        """Adds a module whose name is new."""
        name = module.sym_name.data
        assert name not in self.modules, f"module {name} defined twice"
        self.modules[name] = module
        return module

    def shared(self, name: str, build: Callable[[], hw.HWModuleOp]) -> hw.HWModuleOp:
        """Returns the module called `name`, built at the first request."""
        if name not in self.modules:
            self.modules[name] = build()
        return self.modules[name]


def stand_apart(module: hw.HWModuleOp) -> hw.HWModuleOp:
    """Keeps a module's control, its registers with a reset, from being merged with a twin's."""
    for op in module.walk():
        if isinstance(op, seq.CompRegOp) and rtl.register_operands(op).reset is not None:
            op.attributes["rtl.kept"] = UnitAttr()
    return module


def register_slice(
    library: Library, prefix: str, width: int, *, apart: bool = False
) -> hw.HWModuleOp:
    """Returns a two-entry buffer, one cycle of latency, full throughput, registered ready.

    One that is `apart` has twins beside it, see `stand_apart`.
    """
    name = f"{prefix}_register_slice_w{width}{'_apart' * apart}"

    def build() -> hw.HWModuleOp:
        b = ModuleBuilder(
            name,
            [
                f"Register slice, {width} bits: two entries, one cycle of latency.",
                "in_ready is a register, so ready chains stay short.",
            ],
        )
        in_data, in_valid = b.input("in_data", width), b.input("in_valid", 1)
        out_ready = b.input("out_ready", 1)
        spare_valid = b.register("spare_valid", 1, reset=0)
        valid = b.register("valid", 1, reset=0)
        in_ready = ~spare_valid
        advance = (out_ready | ~valid).named("advance")
        accept = (in_valid & in_ready).named("accept")
        valid.drive(spare_valid | in_valid, enable=advance)
        spare_valid.drive(
            b.mux(advance, b.constant(0, 1), accept | spare_valid),
        )
        data, spare = b.register("data", width), b.register("spare", width)
        data.drive(b.mux(spare_valid, spare, in_data), enable=advance)
        spare.drive(in_data, enable=accept)
        b.output("in_ready", in_ready)
        b.output("out_data", data)
        b.output("out_valid", valid)
        return stand_apart(b.build()) if apart else b.build()

    return library.shared(name, build)


class Port(Struct, frozen=True):
    """An input channel of a block."""

    data: Signal
    valid: Signal


def input_ports(count: int) -> tuple[str, ...]:
    """Returns the names of a block's input channels: `in`, or `in0`, `in1`, ... if several."""
    return ("in",) if count == 1 else tuple(f"in{i}" for i in range(count))


def output_ports(count: int) -> tuple[str, ...]:
    """Returns the names of a block's output channels: `out`, or `out0`, `out1`, ... if several."""
    return ("out",) if count == 1 else tuple(f"out{i}" for i in range(count))


class FreeBlock(ModuleBuilder):
    """A module inside which nothing waits: its reader has room for whatever is in it.

    The reader's ready tells the first module of a chain to take nothing; it goes past the others.

    Attributes:
        inputs: the input channels, whose valid is high where a beat is taken.
    """

    def __init__(self, name: str, comment: Sequence[str], process: stream.Process):
        super().__init__(name, comment)
        self._names = input_ports(len(process.operands))
        given = [
            Port(self.input(f"{port}_data", channel.width_bits), self.input(f"{port}_valid", 1))
            for port, channel in zip(self._names, process.input_channels, strict=True)
        ]
        self._ready = self.input("out_ready", 1)
        self._valids = [port.valid for port in given]
        if not process.before_it:
            take = reduce(lambda one, other: one & other, self._valids, self._ready).named("take")
            given = [Port(port.data, take) for port in given]
        self.inputs = given

    def finish(self, *, valid: Signal, data: Signal) -> hw.HWModuleOp:
        """Closes the module; `data` leaves where `valid` is high."""
        for i, port in enumerate(self._names):
            others = [other for j, other in enumerate(self._valids) if j != i]
            ready = reduce(lambda one, other: one & other, others, self._ready)
            self.output(f"{port}_ready", ready)
        self.output("out_data", data)
        self.output("out_valid", valid)
        return self.build()


class JoinBlock(ModuleBuilder):
    """A module with several input channels and one output channel.

    Attributes:
        inputs: the input channels.
        enable: high in every cycle in which the pipeline moves.
        out_valid: the last pipeline stage's valid; `finish` drives it.
    """

    def __init__(
        self,
        library: Library,
        prefix: str,
        name: str,
        comment: Sequence[str],
        widths: tuple[Sequence[int], int],
        *,
        apart: bool = False,
    ):
        super().__init__(name, comment)
        in_widths, out_width = widths
        self._apart = apart
        self.library = library
        self.inputs = [
            Port(self.input(f"{port}_data", width), self.input(f"{port}_valid", 1))
            for port, width in zip(input_ports(len(in_widths)), in_widths, strict=True)
        ]
        out_ready = self.input("out_ready", 1)
        buffer = register_slice(library, prefix, out_width, apart=apart)
        self._slice = self.instance("out_slice", buffer, out_ready=out_ready)
        self.slice_ready = self._slice.output(self, "in_ready").named("slice_ready")
        self.out_valid: Register = self.register("result_valid", 1, reset=0)
        self.enable = (~self.out_valid | self.slice_ready).named("enable")

    def valid_chain(self, issue: Signal, stages: int) -> list[Signal]:
        """Delays `issue` by 1 .. `stages` cycles of the pipeline; stages reset to idle."""
        chain: list[Signal] = []
        for stage in range(1, stages + 1):
            register = self.register(f"valid{stage}", 1, reset=0)
            register.drive(chain[-1] if chain else issue, enable=self.enable)
            chain.append(register)
        return chain

    def close(
        self, *, in_ready: Sequence[Signal], next_valid: Signal, data: Signal
    ) -> hw.HWModuleOp:
        """Closes the pipeline.

        Args:
            in_ready: ready of each input channel.
            next_valid: whether the last stage holds a result after this cycle, if it moves.
            data: the last stage's result, valid with `out_valid`.
        """
        self.out_valid.drive(next_valid, enable=self.enable)
        self._slice.connect("in_data", data)
        self._slice.connect("in_valid", self.out_valid)
        for port, ready in zip(input_ports(len(self.inputs)), in_ready, strict=True):
            self.output(f"{port}_ready", ready)
        self.output("out_data", self._slice.output(self, "out_data"))
        self.output("out_valid", self._slice.output(self, "out_valid"))
        return stand_apart(self.build()) if self._apart else self.build()


class StreamBlock(JoinBlock):
    """A module with one input channel, `in_data` and `in_valid`, and one output channel."""

    def __init__(
        self,
        library: Library,
        prefix: str,
        name: str,
        comment: Sequence[str],
        widths: tuple[int, int],
        *,
        apart: bool = False,
    ):
        super().__init__(library, prefix, name, comment, ([widths[0]], widths[1]), apart=apart)
        self.in_data, self.in_valid = self.inputs[0].data, self.inputs[0].valid

    def finish(self, *, in_ready: Signal, next_valid: Signal, data: Signal) -> hw.HWModuleOp:
        """Closes the pipeline, as `close`."""
        return self.close(in_ready=[in_ready], next_valid=next_valid, data=data)
