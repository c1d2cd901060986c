"""A network at every level: what it computes, how fast, and how its Verilog is simulated."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
from xdsl.dialects.builtin import ArrayAttr, BytesAttr, ModuleOp, StringAttr
from xdsl.ir import Attribute

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
from qcompiler.backends.simulators.base import TIMEOUT_CYCLES
from qcompiler.backends.verilog.emit import VerilogDesign, emit_verilog
from qcompiler.backends.weight_sets import Weights, sets_in_turn, with_weights
from qcompiler.devices import DEFAULT_DEVICE, Device, load_device
from qcompiler.dialects import qint, stream
from qcompiler.dialects.attributes import Array, element_of, shape_of
from qcompiler.errors import ModelError, Problem
from qcompiler.interpreters import functions, numpy_ops, run, run_frames, tail_arguments
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
        taken, given = self.network.port_channels
        for index, channel in enumerate(taken):
            port = StreamPort(f"s_axis_{index}", "in", channel.width_bits, channel.beats, waits)
            found.append((port, channel))
        for index, channel in enumerate(given):
            port = StreamPort(f"m_axis_{index}", "out", channel.width_bits, channel.beats, waits)
            found.append((port, channel))
        return tuple(found)

    def names(self, which: str) -> list[str]:
        """Returns the model's names of its `inputs` or `outputs`."""
        attribute = self.model.attributes.get(f"nn.{which}")
        if not isinstance(attribute, ArrayAttr):
            return []
        # What is not ASCII comes back from a file as bytes.
        found = cast("ArrayAttr[StringAttr | BytesAttr]", attribute)
        return [s.data if isinstance(s, StringAttr) else s.data.decode() for s in found]

    def _batch(self, inputs: Inputs) -> list[Array]:
        """Returns one array per model input, shape [batch, *input shape]."""
        types = [a.type for a in functions(self.model)["head"].args]
        names = self.names("inputs") or [f"input {index}" for index in range(len(types))]
        given = numpy_ops.as_inputs(inputs, names, [shape_of(t) for t in types])
        told = [f"input {name}" for name in names] if len(names) > 1 else ["this input"]
        return [_as_input(a, t, n) for a, t, n in zip(given, types, told, strict=True)]

    def quantize(self, inputs: Inputs) -> tuple[Array, ...]:
        """Returns the integers that enter the hardware for a batch of model inputs."""
        return run(self.model, "head", self._batch(inputs))

    @property
    def initial_states(self) -> list[Array]:
        """What each state is before the first frame; empty if frames are computed alone."""
        return qint.state_of(functions(self.model)["core"])

    def core(
        self,
        integers: Sequence[Array],
        states: Sequence[Array] | None = None,
        weights: Sequence[Weights] = (),
    ) -> tuple[Array, ...]:
        """Returns the integers that leave the hardware, from the interpreter.

        Args:
            integers: one array per input of the hardware, shape [frames, ...]; with states, the
                frames follow one another. One more array may say where sequences begin: 1 for a
                frame whose states are the initial ones. The same for weights that the host writes:
                1 for a frame that is the first to use the next set, the last array.
            states: what is there before the first frame; the initial states if None.
            weights: sets that the host writes one after the other; those of the model if none are
                given.

        Raises:
            ValueError: frames want more sets than there are, or a set does not fit, see
                `written_set`.
        """
        held = self.initial_states if states is None else states
        if not self.takes_swaps:
            return self.continue_core(integers, held)[0]
        says_all = self._says_all(integers)
        given = list(integers[:-1] if says_all else integers)
        swaps = integers[-1] if says_all else None
        made: list[tuple[Array, ...]] = []
        for model, frames in sets_in_turn(self.network, self.model, swaps, weights, len(given[0])):
            outputs, held = self._continue(model, [array[frames] for array in given], held)
            made.append(outputs)
        return tuple(np.concatenate(parts) for parts in zip(*made, strict=True))

    @property
    def takes_swaps(self) -> bool:
        """Whether each frame says if it is the first that uses the next set of weights."""
        return "stream" in self.levels and self.network.takes_swaps

    def _says_all(self, integers: Sequence[Array]) -> bool:
        """Whether integers are given for every input of the hardware."""
        return len(integers) == sum(port.direction == "in" for port, _ in self.ports)

    def continue_core(
        self, integers: Sequence[Array], states: Sequence[Array]
    ) -> tuple[tuple[Array, ...], list[Array]]:
        """As `core`; returns the states that are left, too."""
        return self._continue(self.model, integers, states)

    def _continue(
        self, model: ModuleOp, integers: Sequence[Array], states: Sequence[Array]
    ) -> tuple[tuple[Array, ...], list[Array]]:
        """As `continue_core`, with a model of the same network."""
        initial = self.initial_states
        if not initial:
            return run(model, "core", integers), []
        count = len(functions(model)["core"].args) - len(initial)
        begins = list(np.flatnonzero(integers[count])) if len(integers) > count else []
        made: list[tuple[Array, ...]] = []
        held = self._as_states(states)
        for start, stop in pairwise(sorted({0, *begins, len(integers[0])})):
            held = list(initial) if start in begins else held
            outputs, held = run_frames(model, [a[start:stop] for a in integers[:count]], held)
            made.append(outputs)
        return tuple(np.concatenate(parts) for parts in zip(*made, strict=True)), held

    def _as_states(self, states: Sequence[Array]) -> list[Array]:
        """Returns states as arrays.

        Raises:
            ValueError: there are more or fewer, or one has another shape or leaves its range.
        """
        core, initial = functions(self.model)["core"], self.initial_states
        if len(states) != len(initial):
            raise ValueError(f"the design keeps {len(initial)} states, got {len(states)}")
        found = [np.asarray(state, np.int64) for state in states]
        types = [argument.type for argument in core.args[len(core.args) - len(initial) :]]
        for index, (state, type_) in enumerate(zip(found, types, strict=True)):
            bounds = qint.range_of(type_)
            if state.shape != shape_of(type_):
                wanted = list(shape_of(type_))
                raise ValueError(f"state {index} has shape {wanted}, got {list(state.shape)}")
            if state.size and not bounds.lo <= state.min() <= state.max() <= bounds.hi:
                raise ValueError(f"state {index} must lie in [{bounds.lo}, {bounds.hi}]")
        return found

    def session(self) -> "Session":
        """Returns what computes frames one after the other, and keeps the states in between."""
        return Session(self)

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

    def outputs_of(self, integers: Sequence[Array], inputs: Inputs) -> Array | tuple[Array, ...]:
        """Returns what `predict` does, for integers that left the hardware."""
        outputs = self.dequantize(integers, inputs)
        types = functions(self.model)["tail"].function_type.outputs.data
        shaped = tuple(
            a.reshape(a.shape[0], *_inner_shape(t)) for a, t in zip(outputs, types, strict=True)
        )
        return shaped[0] if len(shaped) == 1 else shaped

    def predict(
        self, inputs: Inputs, state: Sequence[Array] | None = None
    ) -> Array | tuple[Array, ...]:
        """Returns the model's outputs, computed by the integer interpreter.

        With states, the batch is one sequence of frames; `session` goes on with more of them.

        Args:
            inputs: a batch, shape [batch, ...] without the model's own batch dimension of one (an
                array of the model's exact input shape is one batch entry); or, of several inputs, a
                list in their order, or by name.
            state: what each state is before the first frame; the initial states if None.

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
        return self.outputs_of(self.core(self.quantize(inputs), state), inputs)

    def rtl_design(self, directory: Path) -> RtlDesign:
        """Writes the Verilog into `directory` and returns it as a simulator wants it."""
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in self.verilog.files.items():
            (directory / name).write_text(text, encoding="utf-8")
        sources = tuple(directory / name for name in self.verilog.files if name.endswith(".v"))
        return RtlDesign(self.name, sources, tuple(port for port, _ in self.ports))

    def simulate_core(
        self,
        integers: Sequence[Array],
        *,
        tool: str = "verilator",
        weights: Sequence[Weights] = (),
        **stimulus: Any,
    ) -> tuple[tuple[Array, ...], SimulationResult]:
        """Returns what the simulated hardware makes of integers, and when.

        Args:
            integers: one array per hardware input, shape [frames, ...], as `core` takes them.
            tool: "verilator" or "icarus".
            weights: sets that the host writes one after the other; those of the model if none are
                given. The last array of `integers` has a number for each frame, 1 where it is the
                first that uses the next set.
            stimulus: further fields of `Stimulus`, such as stall probabilities.

        Raises:
            SimulationError: the tool is absent, or the design breaks the rules of its ports.
        """
        with scratch_folder(prefix="qcompiler-rtl") as directory:
            rtl = self.rtl_design(directory)
            return self.simulate_rtl(rtl, integers, tool=tool, weights=weights, **stimulus)

    def simulate_rtl(
        self,
        rtl: RtlDesign,
        integers: Sequence[Array],
        *,
        tool: str,
        progress: Progress = silent,
        weights: Sequence[Weights] = (),
        **stimulus: Any,
    ) -> tuple[tuple[Array, ...], SimulationResult]:
        """As `simulate_core`, on files that exist already; `progress` is told what goes on."""
        # Slow designs are silent between frames: no deadlock before what they are thought to take.
        expected = self.timing.latency_cycles + self.timing.cycles_per_frame
        stimulus.setdefault("timeout_cycles", max(TIMEOUT_CYCLES, 4 * expected))
        inputs = [entry for entry in self.ports if entry[0].direction == "in"]
        if len(integers) < len(inputs):  # one sequence, one set of weights
            missing = len(inputs) - len(integers)
            integers = [*integers, *[np.zeros((len(integers[0]), 1), np.int64)] * missing]
        frames = {
            port.name: pack(array, channel.lanes.data, channel.element.width_bits)
            for (port, channel), array in zip(inputs, integers, strict=True)
        }
        sent = Stimulus(frames, **stimulus)
        if self.network.sources:
            with scratch_folder(prefix="qcompiler-weights") as folder:
                around = with_weights(self.network, rtl, folder, sent, weights)
                result = simulator(tool).run(around, sent, progress)
        else:
            result = simulator(tool).run(rtl, sent, progress)
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
        return self.outputs_of(integers, inputs)

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


class Session:
    """Frames one after the other: what one leaves in the states, the next finds there.

    Attributes:
        states: what each state is now, one array for each.

    Examples:
        >>> session = design.session()  # doctest: +SKIP
        >>> session.predict(frames[:10]), session.predict(frames[10:])  # doctest: +SKIP
    """

    def __init__(self, design: CompiledDesign):
        self._design = design
        self.states = design.initial_states

    def reset(self) -> None:
        """Begins a new sequence."""
        self.states = self._design.initial_states

    def predict(self, inputs: Inputs) -> Array | tuple[Array, ...]:
        """Returns the model's outputs for the next frames, as `CompiledDesign.predict` does."""
        design = self._design
        integers, self.states = design.continue_core(design.quantize(inputs), self.states)
        return design.outputs_of(integers, inputs)


def _inner_shape(type_: Attribute) -> tuple[int, ...]:
    """Returns a tensor's shape without a leading batch dimension of one."""
    shape = shape_of(type_)
    return shape[1:] if len(shape) > 1 and shape[0] == 1 else shape


def _as_input(array: Array, type_: Attribute, name: str) -> Array:
    element = element_of(type_)
    bounds = None
    if isinstance(element, qint.IntType):
        bounds = element.lo.data, element.hi.data
    return numpy_ops.as_input(array, shape_of(type_), bounds, name)
