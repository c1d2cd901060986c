"""Transformers from torch to Verilog: what differs from the runtime, from the Verilog, and in time.

Each network is quantized by somebody else's tool and compiled. Its integers are compared with the
runtime's, quantizer by quantizer where they differ: each code is computed again from the runtime's
own codes before it, and must be that, or lie as near to where the rounding switches as float32 can
err. The Verilog is simulated back to back and with random stalls. Cycles a frame are compared with
the equation that `qcc estimate` uses for a layer, and depths of FIFOs with the least ones that keep
the pace. `--write-docs` writes docs/transformers.md.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from benchmarks import transformer_networks as networks
from benchmarks.common import (
    MODELS,
    REPOSITORY,
    RESULTS,
    commit,
    markdown,
    print_table,
    save_results,
)
from benchmarks.fifo_sizing import Search
from benchmarks.reference import Replay, executed
from benchmarks.token_simulator import TokenSimulator
from benchmarks.zoo.runtimes import session
from qcompiler import compile as compile_model
from qcompiler.analysis.even_flows import estimated_timing
from qcompiler.arith.softmax import undecided
from qcompiler.compiler import Options, import_model
from qcompiler.design import Design
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array
from qcompiler.frontends.onnx import parse_input_option
from qcompiler.provenance.bounds import bounds_of
from qcompiler.provenance.sources import source_node

_PAGE = REPOSITORY / "docs" / "transformers.md"
_STALLS = 0.3
_NEAR, _MOST_RATIO = 0.05, 1.2
"""How far `qcc estimate` may be off, and FIFOs may be above the least."""
_DEEPLOY = ("attention", "softmax_regular", "rmsnorm", "inonorm", "trueintegerdiv")


@dataclass
class Found:
    """What the comparison of a network found.

    Attributes:
        network: its name.
        values: outputs compared with the runtime, or with golden data.
        differ: of them.
        codes: behind quantizers, compared one by one if outputs differ.
        ties: of them, those that differ as float32 errs.
        mismatches: all others that differ.
        near: codes behind a softmax that the bound does not decide: real softmax lies within it of
            a border between two codes.
        frames: simulated, each twice.
        wrong: integers in which the Verilog differs from the interpreter, and wrong TLASTs.
        cycles: a frame, by schedule.
        measured: in simulation, back to back.
        estimate: cycles a frame, by `qcc estimate`.
        latency, measured_latency, estimated_latency: from a frame's first beat to its last output,
            by schedule, in simulation of an idle design, by `qcc estimate`.
        fifo_bits: of all FIFOs.
        least_bits: that keep the pace, found by search; 0 if not searched.
        notes: the first differences.
        commit: at which it was found.
    """

    network: str
    values: int = 0
    differ: int = 0
    codes: int = 0
    ties: int = 0
    mismatches: int = 0
    near: int = 0
    frames: int = 0
    wrong: int = 0
    cycles: int = 0
    measured: float = 0.0
    estimate: int = 0
    latency: int = 0
    measured_latency: int = 0
    estimated_latency: int = 0
    fifo_bits: int = 0
    least_bits: int = 0
    notes: list[str] = field(default_factory=list[str])
    commit: str = field(default_factory=commit)

    @property
    def good(self) -> bool:
        """Whether nothing is wrong, or differs without a reason."""
        explained = not self.differ or (self.codes > 0 and not self.mismatches)
        near = (
            abs(self.estimate / self.measured - 1) <= _NEAR
            and abs(self.estimated_latency / self.measured_latency - 1) <= _NEAR
        )
        small = self.fifo_bits <= _MOST_RATIO * self.least_bits
        return explained and not self.wrong and near and small


@dataclass(frozen=True)
class Sizes:
    """How large networks are made.

    Attributes:
        width, heads, tokens: of an encoder's layer.
        words, small, window: of a decoder: rows of its table, width, tokens.
        cycles, decoder_cycles: a frame that are asked for.
    """

    width: int = 128
    heads: int = 2
    tokens: int = 32
    words: int = 64
    small: int = 16
    window: int = 8
    cycles: int = 65_536
    decoder_cycles: int = 1024


def plain_outputs(model: onnx.ModelProto, frames: Array) -> list[Array]:
    """Returns all outputs of a model with input x, operation by operation, [count, ...]."""
    runtime = session(model.SerializeToString(), optimised=False, precise=False)
    rows = [runtime.run(None, {"x": frame}) for frame in frames]
    return [np.stack(column) for column in zip(*rows, strict=True)]


def compare(design: Design, path: Path, frames: Array, found: Found) -> None:
    """Compares outputs with onnxruntime's, and all codes if they differ."""
    model = onnx.load(path)
    wanted = plain_outputs(model, frames)[0]
    made = np.asarray(design.predict({"x": frames})).reshape(wanted.shape)
    apart = np.abs(made - wanted) > 1e-5 * np.abs(wanted).max()
    found.values, found.differ = made.size, int(apart.sum())
    single = import_model(path, Options(numerics="exact"))
    replay = Replay(single, quantized_tensors(model, frames), model.graph)
    replay.run([frames])
    comparison = replay.found
    found.codes, found.ties = comparison.integers, int(comparison.noise)
    found.mismatches, found.notes = comparison.mismatches, comparison.notes
    found.near = near_borders(replay, bounds_of(design.level("last")))


def near_borders(replay: Replay, bounds: Mapping[str, Fraction]) -> int:
    """Counts codes behind a softmax that may differ from real softmax's, as it is near a border.

    Args:
        replay: of the model's quantizers.
        bounds: of the design's softmax functions, in codes, by node.
    """
    count = 0
    for op in replay.main.body.block.ops:
        if isinstance(op, qint.QuantizeOp) and isinstance(op.input.owner, nn.SoftmaxOp):
            codes = replay.values[op.input] / float(op.scale_array[0])
            bound = bounds[source_node(op.input.owner) or ""]
            count += int(undecided(codes, bound).sum())
    return count


def quantized_tensors(model: onnx.ModelProto, frames: Array) -> dict[str, Array]:
    """Returns what the codes of every quantizer stand for, [count, ...]; of constants [1, ...]."""
    constants = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    quantizers = [n for n in model.graph.node if n.op_type == "QuantizeLinear"]
    depends = {"x"}
    for node in model.graph.node:
        if depends.intersection(node.input):
            depends.update(node.output)
    del model.graph.output[:]
    model.graph.output.extend(onnx.ValueInfoProto(name=n.output[0]) for n in quantizers)
    tensors: dict[str, Array] = {}
    for node, codes in zip(quantizers, plain_outputs(model, frames), strict=True):
        scale, zero = (constants[name].astype(np.float64) for name in node.input[1:3])
        reals = (codes.astype(np.float64) - zero) * scale
        tensors[node.output[0]] = reals if node.input[0] in depends else reals[:1]
    return tensors


def simulate(design: Design, integers: list[Array], found: Found) -> None:
    """Simulates frames back to back, then with random stalls."""
    expected = design.core(integers)
    found.frames, found.cycles = len(integers[0]), design.timing.cycles_per_frame
    limit = 20 * found.frames * found.cycles + 20 * design.timing.latency_cycles
    with tempfile.TemporaryDirectory() as folder:
        rtl = design.rtl_design(Path(folder))
        for stalls in (0.0, _STALLS):
            got, result = design.simulate_rtl(
                rtl, integers, tool="verilator", stall_probability_in=stalls,
                stall_probability_out=stalls, seed=2, timeout_cycles=limit,
            )  # fmt: skip
            found.wrong += len(result.tlast_errors) + sum(
                int((want.reshape(have.shape) != have).sum())
                for want, have in zip(expected, got, strict=True)
            )
            if not stalls:
                found.measured = result.cycles_per_frame
                found.measured_latency = result.latency_cycles
    found.latency = design.timing.latency_cycles
    estimate = estimated_timing(design.network)
    found.estimate, found.estimated_latency = estimate.cycles_per_frame, estimate.latency_cycles


def fifos(design: Design, found: Found) -> None:
    """Counts the bits of FIFOs, and of the least ones that keep the pace."""
    simulator = TokenSimulator(design.network)
    widths = np.array([fifo.input_channel.width_bits for fifo in simulator.fifos], np.int64)
    search = Search(simulator)
    order = sorted(range(len(widths)), key=lambda i: -simulator.depths[i] * int(widths[i]))
    kept = search.keeps_pace(simulator.depths)
    least = search.shrink(simulator.depths, order) if kept else simulator.depths
    found.fifo_bits, found.least_bits = (
        int((np.array(depths) * widths).sum()) for depths in (simulator.depths, least)
    )
    if not kept:
        found.notes.append("FIFOs lose rate")


def encoder(sizes: Sizes, folder: Path) -> Found:
    """A layer as BERT has them, by quantize_static."""
    frames = networks.vectors(sizes.tokens, sizes.width)
    net = networks.encoder(sizes.width, sizes.heads, sizes.tokens)
    path = networks.quantized(net, frames(16, 7), folder / "encoder.onnx")
    name = f"encoder, {sizes.width} wide, {sizes.heads} heads, {sizes.tokens} tokens"
    return of_runtime(name, path, frames, sizes.cycles)


def decoder(sizes: Sizes, folder: Path) -> Found:
    """A GPT of two layers over a fixed window, by quantize_static."""
    frames = networks.sentences(sizes.words, sizes.window)
    net = networks.gpt(sizes.words, sizes.small, sizes.heads, sizes.window)
    # A mask of -inf has no scale, and one that has makes one code of all scores.
    path = networks.quantized(net, frames(16, 7), folder / "gpt.onnx", without=("Where", "Softmax"))
    name = f"decoder, 2 layers, {sizes.small} wide, {sizes.window} of {sizes.words} tokens"
    return of_runtime(name, path, frames, sizes.decoder_cycles)


def of_runtime(
    name: str, path: Path, frames: Callable[[int, int], Array], cycles: int, count: int = 20
) -> Found:
    """Compares a model with onnxruntime, and its Verilog with it."""
    found = Found(name)
    design = compile_model(path, cycles=cycles)
    given = frames(count, 11)
    compare(design, path, given, found)
    simulate(design, list(design.quantize({"x": given[:4]})), found)
    fifos(design, found)
    return found


def kernel(name: str) -> Found:
    """A network of integers with golden data, from Deeploy."""
    found, path = Found(f"deeploy k_{name}"), MODELS / "deeploy" / f"k_{name}.onnx"
    given, golden = (
        dict(np.load(path.with_suffix(f".{which}.npz"))) for which in ("inputs", "outputs")
    )
    names = [i.name for i in onnx.load(path).graph.input]
    arrays = {n: a.astype(np.int64) for n, a in zip(names, given.values(), strict=True)}
    kinds = dict(
        parse_input_option(f"{n}={'int8' if np.abs(a).max() <= 128 else 'int16'}:1")
        for n, a in arrays.items()
    )
    design = compile_model(path, inputs=kinds, cycles=20_000)
    (wanted,) = golden.values()
    made = np.asarray(design.predict(arrays)).reshape(wanted.shape)
    found.values, found.differ = made.size, int((made != wanted).sum())
    random = np.random.default_rng(5)
    integers = [
        np.concatenate([part, random.integers(part.min(), part.max(), (2, *part.shape[1:]))])
        for part in design.quantize(arrays)
    ]
    simulate(design, integers, found)
    fifos(design, found)
    return found


def low_precision(folder: Path) -> Found:
    """Attention of 3 bits by Brevitas, in QONNX."""
    frames = networks.vectors(8, 16)
    path = networks.brevitas(16, 3, frames(64, 7), folder / "brevitas.onnx")
    found, design = Found("attention of 3 bits, Brevitas"), compile_model(path, cycles=256)
    given = frames(20, 11)
    tensors, graph = executed(
        path, {design.names("inputs")[0]: given.reshape(-1, *given.shape[2:])}
    )
    replay = Replay(design.level("nn"), tensors, graph)
    replay.run([given])
    comparison = replay.found
    found.values = found.codes = comparison.integers
    found.differ = comparison.mismatches + int(comparison.noise)
    found.ties, found.mismatches = int(comparison.noise), comparison.mismatches
    found.notes = comparison.notes
    found.near = near_borders(replay, bounds_of(design.level("last")))
    simulate(design, list(design.quantize({design.names("inputs")[0]: given[:4]})), found)
    fifos(design, found)
    return found


_TEXT = """# Transformers

Written by `python -m benchmarks.transformers --write-docs`; do not edit.

Networks from torch: a layer as BERT-tiny has them and a decoder of two layers by onnxruntime's
`quantize_static`, attention by Brevitas; and Deeploy's kernels with their golden data. All
weights are random, of a fixed seed.

{table}

- *values*: outputs compared with onnxruntime, operation by operation in float32, with qonnx's
  executor, or with golden data; *differ*: of them.
- *codes*: behind every quantizer of the network, compared one by one on the runtime's own codes
  before it; *ties*: of them, those that differ and lie as near to where the rounding switches as
  float32 can err; *mismatches*: all others that differ.
- *near a border*: codes behind a softmax for which real softmax lies nearer to the border between
  two than the bound that is proven for it, 2^-12 of a code or less, so that it does not decide them
  ([numerics](numerics.md#functions-of-a-row)).
- *wrong in Verilog*: integers that differ from the interpreter in two simulations of these
  frames, back to back and with random stalls on every port.
- *cycles* a frame, back to back, and *latency* from a frame's first beat to its last output: as
  `qcc estimate` says / as `qcc compile` says / measured in simulation.
- *FIFO bits*, and the least with which a search by simulation of beats keeps the pace: no single
  FIFO can be less.
- *commit*: at which the row was measured.

Masks stay out of the quantizers (`Where` and `Softmax` are left in floating point): a mask of
-inf has no scale, and one of -10,000 leaves one code for all scores.
"""
_COLUMNS = [
    "network", "values", "differ", "codes", "ties", "mismatches", "near a border", "frames",
    "wrong in Verilog", "cycles", "latency", "FIFO bits", "least",
    "commit",
]  # fmt: skip


def _row(found: Found) -> list[str]:
    counts = found.differ, found.codes, found.ties, found.mismatches, found.near, found.frames
    return [
        found.network, str(found.values), *map(str, counts), str(found.wrong),
        f"{found.estimate} / {found.cycles} / {found.measured:g}",
        f"{found.estimated_latency} / {found.latency} / {found.measured_latency}",
        str(found.fifo_bits), str(found.least_bits), found.commit,
    ]  # fmt: skip


def cases(folder: Path) -> dict[str, Callable[[], Found]]:
    """Returns what measures each network, by name."""
    return {
        "encoder": lambda: encoder(Sizes(), folder),
        "decoder": lambda: decoder(Sizes(), folder),
        "brevitas": lambda: low_precision(folder),
        **{name: partial(kernel, name) for name in _DEEPLOY},
    }


def known() -> list[Found]:
    """Returns what was measured last of each network, in this run or in others."""
    files = [RESULTS / f"transformers_{name}.json" for name in cases(RESULTS)]
    texts = [file.read_text(encoding="utf-8") for file in files if file.exists()]
    return [Found(**json.loads(text)["results"]) for text in texts]


def main() -> int:
    """Compares networks; exit status 1 if one is not as wanted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="NAME", nargs="*", help="some networks")
    parser.add_argument("--write-docs", action="store_true", help=f"write {_PAGE.name}")
    parsed = parser.parse_args()
    torch.set_num_threads(1)
    results: list[Found] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, run in cases(Path(folder)).items():
            if parsed.only is None or name in parsed.only:
                results.append(run())
                save_results(f"transformers_{name}", asdict(results[-1]))
                print(" | ".join(_row(results[-1])), *results[-1].notes, sep="\n  ", flush=True)
    print_table("transformers", _COLUMNS, [_row(found) for found in results])
    if parsed.write_docs:
        table = markdown(_COLUMNS, [_row(found) for found in known()])
        _PAGE.write_text(_TEXT.format(table=table), encoding="utf-8")
    return int(not all(found.good for found in results))


if __name__ == "__main__":
    sys.exit(main())
