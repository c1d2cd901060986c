"""What all blocks with a valid/ready handshake share.

Every block is a pipeline that moves as a whole while `enable` is high, followed by a register slice
(two entries) whose ready is a register. So no combinational path leads from one side's handshake to
the other's, and any stall pattern changes timing only.
"""

from collections.abc import Callable, Sequence

from xdsl.dialects import hw

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


def register_slice(library: Library, prefix: str, width: int) -> hw.HWModuleOp:
    """Returns a two-entry buffer, one cycle of latency, full throughput, registered ready."""
    name = f"{prefix}_register_slice_w{width}"

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
        return b.build()

    return library.shared(name, build)


class StreamBlock(ModuleBuilder):
    """A module with one input channel and one output channel.

    Attributes:
        in_data, in_valid: the input channel.
        enable: high in every cycle in which the pipeline moves.
        out_valid: the last pipeline stage's valid; `finish` drives it.
    """

    def __init__(
        self,
        library: Library,
        prefix: str,
        name: str,
        comment: Sequence[str],
        widths: tuple[int, int],
    ):
        super().__init__(name, comment)
        in_width, out_width = widths
        self.library = library
        self.in_data = self.input("in_data", in_width)
        self.in_valid = self.input("in_valid", 1)
        out_ready = self.input("out_ready", 1)
        self._slice = self.instance(
            "out_slice", register_slice(library, prefix, out_width), out_ready=out_ready
        )
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

    def finish(self, *, in_ready: Signal, next_valid: Signal, data: Signal) -> hw.HWModuleOp:
        """Closes the pipeline.

        Args:
            in_ready: ready of the input channel.
            next_valid: whether the last stage holds a result after this cycle, if it moves.
            data: the last stage's result, valid with `out_valid`.
        """
        self.out_valid.drive(next_valid, enable=self.enable)
        self._slice.connect("in_data", data)
        self._slice.connect("in_valid", self.out_valid)
        self.output("in_ready", in_ready)
        self.output("out_data", self._slice.output(self, "out_data"))
        self.output("out_valid", self._slice.output(self, "out_valid"))
        return self.build()
