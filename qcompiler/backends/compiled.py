"""A network at every level: what it computes, how fast, and how its Verilog is simulated."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

from xdsl.dialects.builtin import ArrayAttr, BytesAttr, ModuleOp, StringAttr
from xdsl.ir import Attribute
from xdsl.utils.hints import isa

from qcompiler.analysis.area.estimate import Area, estimate_areas
from qcompiler.analysis.network import Network
from qcompiler.analysis.throughput import Timing, predict
from qcompiler.backends.driver.packing import pack, unpack
from qcompiler.backends.scratch import scratch_folder
from qcompiler.backends.simulators import (
    RtlDesign,
    SimulationResult,
    Stimulus,
    StreamPort,
    simulator,
)
from qcompiler.backends.verilog.emit import VerilogDesign, emit_verilog
from qcompiler.devices import DEFAULT_DEVICE, Device, load_device
from qcompiler.dialects import qint, stream
from qcompiler.dialects.attributes import Array, element_of, shape_of
from qcompiler.errors import ModelError, Problem
from qcompiler.interpreters import functions, numpy_ops, run, tail_arguments
from qcompiler.origin import Origin
from qcompiler.progress import Progress, silent
from qcompiler.provenance.notes import notes_of
from qcompiler.rtl.names import top_name

Inputs: TypeAlias = Array | Sequence[Array] | Mapping[str, Array]
"""A batch of the one input of a model; or of each input, in order or by name."""


class CompiledDesign:
    """A network at every level, from the imported model to Verilog.

    Attributes:
        levels: modules by level: nn, qint, stream, rtl, and `last` where the pipeline ended.
        mhz: clock that rates in reports refer to.
        device: that areas in reports are estimated for.
        sized: whether that device was asked for, so that shares of it mean something.
        snapshots: the module after passes, by the name of the file that is made of it.
        origin: the file that it was made of; None for a module.
    """

    def __init__(
        self, levels: Mapping[str, ModuleOp], mhz: float = 100.0, device: Device | None = None
    ):
        self.levels = dict(levels)
        self.mhz = mhz
        self.device = load_device(DEFAULT_DEVICE) if device is None else device
        self.sized = device is not None
        self.snapshots: dict[str, ModuleOp] = {}
        self.origin: Origin | None = None

    @property
    def model(self) -> ModuleOp:
        """The module whose @head, @core and @tail are the network: qint, or stream if it is older.

        A design that was compiled on from the stream level has no other.
        """
        return self.level("qint" if "qint" in self.levels else "stream")

    def level(self, name: str) -> ModuleOp:
        """Returns the module at a level.

        Raises:
            ModelError: the pipeline did not get there.
        """
        if name not in self.levels:
            raise ModelError(
                [
                    Problem(
                        "pipeline",
                        f"the design has no {name} level, only {', '.join(self.levels)}",
                        "run the passes that lead there",
                    )
                ]
            )
        return self.levels[name]

    @cached_property
    def name(self) -> str:
        """Name of the top module."""
        return top_name(self.level("last"))

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of how the model was understood, one line each."""
        return notes_of(self.level("last"))

    @cached_property
    def network(self) -> Network:
        """The processes of the core."""
        network = Network.of(self.level("stream"))
        assert network is not None, "the stream level has a streaming core"
        return network

    @cached_property
    def timing(self) -> Timing:
        """Predicted cycles per frame, latency and bottleneck."""
        return predict(self.network)

    @cached_property
    def areas(self) -> dict[str, Area]:
        """Estimated resources of each layer, and of the top module; empty without hardware."""
        if "rtl" not in self.levels:
            return {}
        dsp = self.device.dsp is not None
        return estimate_areas(self.level("rtl"), self.network, self.device.family, dsp=dsp)

    @cached_property
    def verilog(self) -> VerilogDesign:
        """The Verilog files by name."""
        return emit_verilog(self.level("rtl"))

    @cached_property
    def ports(self) -> tuple[tuple[StreamPort, stream.ChannelType], ...]:
        """The stream ports of the top module, with what flows through them."""
        found: list[tuple[StreamPort, stream.ChannelType]] = []
        waits = self.network.has_handshake
        for index, value in enumerate(self.network.inputs):
            channel = stream.channel_of(value)
            name, beats = f"s_axis_{index}", channel.beats
            port = StreamPort(name, "in", channel.width_bits, beats, waits)
            found.append((port, channel))
        for index, value in enumerate(self.network.outputs):
            channel = stream.channel_of(value)
            name, beats = f"m_axis_{index}", channel.beats
            port = StreamPort(name, "out", channel.width_bits, beats, waits)
            found.append((port, channel))
        return tuple(found)

    def names(self, which: str) -> list[str]:
        """Returns the model's names of its `inputs` or `outputs`."""
        attribute = self.model.attributes.get(f"nn.{which}")
        if not isa(attribute, ArrayAttr[StringAttr | BytesAttr]):
            return []
        # What is not ASCII comes back from a file as bytes.
        return [s.data if isinstance(s, StringAttr) else s.data.decode() for s in attribute]

    def _batch(self, inputs: Inputs) -> list[Array]:
        """Returns one array per model input, shape [batch, *input shape]."""
        types = [a.type for a in functions(self.model)["head"].args]
        names = self.names("inputs") or [f"input {index}" for index in range(len(types))]
        given = numpy_ops.as_inputs(inputs, names, [shape_of(t) for t in types])
        return [_as_input(a, t) for a, t in zip(given, types, strict=True)]

    def quantize(self, inputs: Inputs) -> tuple[Array, ...]:
        """Returns the integers that enter the hardware for a batch of model inputs."""
        return run(self.model, "head", self._batch(inputs))

    def core(self, integers: Sequence[Array]) -> tuple[Array, ...]:
        """Returns the integers that leave the hardware, from the interpreter."""
        return run(self.model, "core", integers)

    def dequantize(
        self, integers: Sequence[Array], inputs: Inputs | None = None
    ) -> tuple[Array, ...]:
        """Returns the model's outputs for integers that leave the hardware.

        Args:
            integers: one array per hardware output.
            inputs: the model's inputs that they come from, as `predict` takes them; only needed if
                an output also depends on them without passing through the hardware.

        Raises:
            ValueError: an output depends on the inputs, which are not given.
        """
        given = [] if inputs is None else self._batch(inputs)
        arguments = tail_arguments(self.model, integers, given)
        if len(arguments) != len(functions(self.model)["tail"].args):
            raise ValueError("an output depends on the model's inputs, too: give them as `inputs`")
        return run(self.model, "tail", arguments)

    def _outputs(self, integers: Sequence[Array], inputs: Inputs) -> Array | tuple[Array, ...]:
        outputs = self.dequantize(integers, inputs)
        types = functions(self.model)["tail"].function_type.outputs.data
        shaped = tuple(
            a.reshape(a.shape[0], *_inner_shape(t)) for a, t in zip(outputs, types, strict=True)
        )
        return shaped[0] if len(shaped) == 1 else shaped

    def predict(self, inputs: Inputs) -> Array | tuple[Array, ...]:
        """Returns the model's outputs, computed by the integer interpreter.

        Args:
            inputs: a batch, shape [batch, ...] without the model's own batch dimension of one (an
                array of the model's exact input shape is one batch entry); or, of several inputs, a
                list in their order, or by name.

        Returns:
            An array [batch, ...], or a tuple of them if the model has several outputs.

        Raises:
            ValueError: shapes or names do not fit.

        Examples:
            >>> import numpy as np, qcompiler
            >>> design = qcompiler.compile("examples/digits_mlp/digits_mlp.onnx")
            >>> images = np.load("examples/digits_mlp/test_vectors.npz")["inputs"]
            >>> design.predict(images).shape
            (360, 10)
            >>> design.predict(images[0, :5])
            Traceback (most recent call last):
            ValueError: ...
        """
        return self._outputs(self.core(self.quantize(inputs)), inputs)

    def rtl_design(self, directory: Path) -> RtlDesign:
        """Writes the Verilog into `directory` and returns it as a simulator wants it."""
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in self.verilog.files.items():
            (directory / name).write_text(text, encoding="utf-8")
        sources = tuple(directory / name for name in self.verilog.files if name.endswith(".v"))
        return RtlDesign(self.name, sources, tuple(port for port, _ in self.ports))

    def simulate_core(
        self, integers: Sequence[Array], *, tool: str = "verilator", **stimulus: Any
    ) -> tuple[tuple[Array, ...], SimulationResult]:
        """Returns what the simulated hardware makes of integers, and when.

        Args:
            integers: one array per hardware input, shape [frames, ...].
            tool: "verilator" or "icarus".
            stimulus: further fields of `Stimulus`, such as stall probabilities.

        Raises:
            SimulationError: the tool is absent, or the design breaks the rules of its ports.
        """
        with scratch_folder(prefix="qcompiler-rtl") as directory:
            rtl = self.rtl_design(directory)
            return self.simulate_rtl(rtl, integers, tool=tool, **stimulus)

    def simulate_rtl(
        self,
        rtl: RtlDesign,
        integers: Sequence[Array],
        *,
        tool: str,
        progress: Progress = silent,
        **stimulus: Any,
    ) -> tuple[tuple[Array, ...], SimulationResult]:
        """As `simulate_core`, on files that exist already; `progress` is told what goes on."""
        # Slow designs are silent between frames: no deadlock before what they are thought to take.
        expected = self.timing.latency_cycles + self.timing.cycles_per_frame
        stimulus.setdefault("timeout_cycles", max(Stimulus.timeout_cycles, 4 * expected))
        inputs = [entry for entry in self.ports if entry[0].direction == "in"]
        frames = {
            port.name: pack(array, channel.lanes.data, channel.element.width_bits)
            for (port, channel), array in zip(inputs, integers, strict=True)
        }
        result = simulator(tool).run(rtl, Stimulus(frames, **stimulus), progress)
        outputs = tuple(
            unpack(
                result.frames[port.name],
                channel.lanes.data,
                channel.element.width_bits,
                channel.element.signed,
            )
            for port, channel in self.ports
            if port.direction == "out"
        )
        return outputs, result

    def simulate(self, inputs: Inputs, **options: Any) -> Array | tuple[Array, ...]:
        """Returns the model's outputs, computed by the simulated Verilog; else as `predict`."""
        integers, _ = self.simulate_core(self.quantize(inputs), **options)
        return self._outputs(integers, inputs)

    def __repr__(self) -> str:
        head = f"Design {self.name}: "
        if "stream" not in self.levels:
            return f"<{head}levels {', '.join(self.levels)}>"
        timing = self.timing
        return (
            f"<{head}{len(self.network.processes)} processes, {timing.cycles_per_frame} cycles a "
            f"frame, {self.mhz * 1e6 / timing.cycles_per_frame:,.0f} frames/s at {self.mhz:g} MHz, "
            f"latency {timing.latency_cycles} cycles>"
        )


def _inner_shape(type_: Attribute) -> tuple[int, ...]:
    """Returns a tensor's shape without a leading batch dimension of one."""
    shape = shape_of(type_)
    return shape[1:] if len(shape) > 1 and shape[0] == 1 else shape


def _as_input(array: Array, type_: Attribute) -> Array:
    element = element_of(type_)
    bounds = None
    if isinstance(element, qint.IntType):
        bounds = element.lo.data, element.hi.data
    return numpy_ops.as_input(array, shape_of(type_), bounds)
