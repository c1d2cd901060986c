"""Looks for failures with random networks and damaged files; prints the seed of each.

Networks: compiled with every pass validated by the interpreters, in a random folding, under random
numerics; every k-th one simulated with random stalls, and compared with qonnx's executor. Files:
random bytes, and models with bytes changed; only `ModelError` may come out of the front end.
Texts: random bytes, and networks in the model language with letters, words and lines changed; only
diagnostics with a place may come out.
Graphs: QDQ models of any rank, with extents of one, batches, quantizers shared and doubled, 16
bits. They are legal: none may be called invalid. Where float32 holds all numbers, their integers
are onnxruntime's.
Each case runs in a process of its own. An exception, more than a minute, or more than 2 GiB beyond
what the process had is a failure. `--seed N --count 1` repeats what was reported for seed N.
"""

import argparse
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx

from benchmarks.bounded import Bounds, run_bounded
from benchmarks.random_graphs import RandomGraph, random_graph
from benchmarks.random_models import has_many_bits, random_model
from benchmarks.reference import compare
from qcompiler import compile as compile_model
from qcompiler.analysis.validation import random_inputs, random_integers
from qcompiler.design import Design
from qcompiler.dialects.attributes import shape_of
from qcompiler.errors import ModelError
from qcompiler.frontends.onnx import import_onnx
from qcompiler.frontends.text import LanguageError, import_text
from qcompiler.frontends.text.formatter import formatted
from qcompiler.frontends.text.parser import tokens_of
from qcompiler.frontends.text.printer import print_network
from qcompiler.interpreters import functions, run, run_model

_BOUNDS = Bounds(seconds=60, memory=2 << 30)
_EVERY_OPERATION = Path(__file__).parents[1] / "tests" / "support" / "qnn" / "every_operation.qnn"


class Failure(Exception):
    """Two things that ought to be equal are not."""


def damaged(data: bytes, random: np.random.Generator) -> bytes:
    """Returns random bytes, or `data` with bytes changed, cut out, doubled, or cut off."""
    if random.random() < 0.1:
        return random.bytes(int(random.integers(0, 300)))
    changed = bytearray(data)
    for _ in range(int(random.integers(1, 6))):
        at, length = int(random.integers(len(changed))), int(random.integers(1, 20))
        match random.integers(5):
            case 0:
                changed[at] = int(random.integers(256))
            case 1:
                changed[at] ^= 1 << int(random.integers(8))
            case 2 if len(changed) > length + 1:
                del changed[at : at + length]
            case 3:
                changed[at:at] = changed[at : at + length]
            case _:
                changed[at : at + 1] = random.bytes(length)
    return bytes(
        changed[: int(random.integers(len(changed)))] if random.random() < 0.1 else changed
    )


def fuzz_file(seed: int, folder: Path) -> str:
    """Gives a damaged model to the front end; returns what became of it."""
    random = np.random.default_rng([seed, 1])
    path = folder / "damaged.onnx"
    path.write_bytes(damaged(random_model(seed).SerializeToString(), random))
    try:
        module = import_onnx(path)
    except ModelError as error:
        if not error.problems:
            raise Failure("refused without a reason") from error
        return "refused"
    module.verify()
    try:
        compile_model(path)
    except ModelError:
        return "imported, refused later"
    return "compiled although damaged"


_LISTED = """
network block import return with as assume { } ( ) [ ] < > , : = @ / scale axis 0 -1 1e300 inf
99999999999 1e-300 int4 uint64 float64 true load requantize conv qint.conv concat() reshape
"""
_SIGNS = ("int<0, -1>", '"', '"x.npy"', "[[1], []]", "#", "\n", "\0", "\u202e", "\t", "\ufeff")
_WORDS = (*_LISTED.split(), *_SIGNS)


def edited(text: str, random: np.random.Generator) -> str:
    """Returns a text with words changed, left out, doubled, moved, or cut off."""
    words = re.split(r"(\W)", text)
    for _ in range(int(random.integers(1, 8))):
        at, length = int(random.integers(len(words))), int(random.integers(1, 12))
        match random.integers(5):
            case 0:
                words[at] = str(random.choice(_WORDS))
            case 1:
                del words[at : at + length]
            case 2:
                words[at:at] = words[at : at + length] * int(random.integers(1, 4))
            case 3:
                other = int(random.integers(len(words)))
                words[at], words[other] = words[other], words[at]
            case _:
                words.insert(at, str(random.choice(_WORDS)) * int(random.choice([1, 1, 2, 300])))
        words = words or [""]
    return "".join(words[: int(random.integers(len(words)))] if random.random() < 0.1 else words)


def fuzz_text(seed: int, folder: Path) -> str:
    """Gives a damaged text to the front end and the formatter; returns what became of it."""
    random = np.random.default_rng([seed, 4])
    path = folder / "damaged.qnn"
    if random.random() < 0.5:
        module = import_onnx(_saved(random_model(seed), folder))
        printed = print_network(module, "damaged.npz")
        printed.write(path)
    else:
        path.write_text(_EVERY_OPERATION.read_text(encoding="utf-8"), encoding="utf-8")
    text = path.read_text(encoding="utf-8")
    data = edited(text, random).encode("utf-8", "replace")
    path.write_bytes(damaged(data, random) if random.random() < 0.3 and data else data)
    try:
        module = import_text(path)
        module.verify()
        outcome = "read although damaged"
    except LanguageError as error:
        if not all(d.what and d.remedy and str(d) for d in error.diagnostics):
            raise Failure("refused without a reason") from error
        outcome = "refused"
    except ModelError:
        return "no text"
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        if outcome != "refused":
            raise
        return "no text"
    _layout_is_stable(text)
    return outcome


def _layout_is_stable(text: str) -> None:
    try:
        once = formatted(text)
    except LanguageError:
        return
    if formatted(once) != once:
        raise Failure("formatting twice is not formatting once")
    before, after = (sorted(str(c).rstrip() for c in tokens_of(t)[1]) for t in (text, once))
    if before != after:
        raise Failure("formatting changes comments")


def _saved(model: onnx.ModelProto, folder: Path) -> Path:
    path = folder / "text.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def _device(seed: int) -> str | None:
    """Returns a part for half of the networks: it bounds foldings, and chooses forms and turns."""
    return (None, None, None, "ecp5-25k", "ice40-up5k", "zynq-7020")[seed % 6]


def fuzz_network(seed: int, folder: Path, simulate: bool) -> str:
    """Takes a random network through the compiler; returns what became of it."""
    random = np.random.default_rng([seed, 2])
    path = folder / "random.onnx"
    path.write_bytes(random_model(seed).SerializeToString())
    numerics = "onnxruntime" if random.random() < 0.2 and not has_many_bits(seed) else "exact"
    cycles = int(random.choice([0, 1, 2, 7, 50, 10_000]))
    requantizer = str(random.choice(["auto", "auto", "auto", "threshold"]))
    try:
        design = compile_model(
            path,
            numerics=numerics,
            cycles=cycles or None,
            requantizer=requantizer,
            device=_device(seed),
            validate=True,
        )
    except ModelError as error:
        return f"refused: {error.problems[0].what[:60]}"
    _levels_agree(design, seed)
    if simulate:
        _simulate(design, seed, random)
        if numerics == "exact" and not has_many_bits(seed):  # qonnx computes in float32
            inputs = random_inputs(
                [a.type for a in functions(design.level("nn"))["main"].args], 64, seed
            )
            given = dict(zip(design.names("inputs"), inputs, strict=True))
            found = compare(design, path, given, given)
            if found.mismatches:
                raise Failure("differs from qonnx: " + "; ".join(found.notes))
        return "simulated"
    return "compiled"


def fuzz_graph(seed: int, folder: Path, simulate: bool) -> str:
    """Takes a random QDQ graph through the compiler; returns what became of it."""
    random = np.random.default_rng([seed, 8])
    graph, path = random_graph(seed), folder / "graph.onnx"
    path.write_bytes(graph.model.SerializeToString())
    # Real arithmetic is the same before and after all passes; that of float32 is so if it is exact.
    numerics = None if graph.exact or random.random() < 0.5 else "exact"
    cycles = int(random.choice([0, 0, 1, 7, 50]))
    try:
        asked = {"cycles": cycles or None, "device": _device(seed)}
        design = compile_model(path, numerics=numerics, **asked)
    except ModelError as error:
        invalid = [p for p in error.problems if "not valid" in f"{p.what} {p.remedy}"]
        if invalid:
            raise Failure(f"a legal model is called invalid: {invalid[0]}") from error
        return f"refused: {error.problems[0].what[:60]}"
    if graph.exact or numerics == "exact":
        _levels_agree(design, seed)
    else:
        _streams_agree(design, seed)
    if graph.exact and not graph.wide:
        _equals_onnxruntime(design, graph, random)
    if simulate:
        _simulate(design, seed, random)
        return "simulated"
    return "compiled"


def _equals_onnxruntime(design: Design, graph: RandomGraph, random: np.random.Generator) -> None:
    from benchmarks.zoo.runtimes import session  # onnxruntime is not needed for other kinds

    shape = [d.dim_value for d in graph.model.graph.input[0].type.tensor_type.shape.dim]
    images = random.integers(-300, 300, (12, *shape)).astype(np.float32) / 8
    images[:2] *= np.float32([1e3, -1e3]).reshape(2, *[1] * len(shape))
    runtime = session(graph.model.SerializeToString(), optimised=False, precise=False)
    wanted = np.stack([runtime.run(None, {"x": image})[0] for image in images])
    # A batch that the network treats apart is as many frames.
    frame = shape_of(functions(design.level("nn"))["main"].args[0].type)
    made = np.asarray(design.predict(images.reshape(-1, *frame))).reshape(wanted.shape)
    if not np.array_equal(made.astype(np.float64), wanted.astype(np.float64)):
        wrong = int((made != wanted).sum())
        raise Failure(f"{wrong} of {wanted.size} values differ from onnxruntime's")


def _levels_agree(design: Design, seed: int) -> None:
    """The outputs at nn, and the integers at qint and stream, on other inputs than validation's."""
    arguments = functions(design.level("nn"))["main"].args
    inputs = random_inputs([a.type for a in arguments], 64, seed + 1)
    expected = run_model(design.level("nn"), inputs)
    got = design.dequantize(
        design.core(design.quantize(dict(zip(design.names("inputs"), inputs, strict=True))))
    )
    for want, have in zip(expected, got, strict=True):
        error = np.abs(want.reshape(have.shape) - have).max() / max(1e-30, np.abs(want).max())
        # The host's real numbers after the last integers: of float32, sums may cancel.
        if error > (1e-6 if want.dtype == np.float32 else 1e-12):
            raise Failure(f"nn and qint differ: {want.ravel()[:8]} {have.ravel()[:8]}")
    _streams_agree(design, seed)


def _streams_agree(design: Design, seed: int) -> None:
    """The integers at qint and stream."""
    integers = _integers(design, 64, seed)
    for want, have in zip(
        design.core(integers), run(design.level("stream"), "core", integers), strict=True
    ):
        if not np.array_equal(want.reshape(have.shape), have):
            raise Failure("qint and stream differ")


def _integers(design: Design, count: int, seed: int) -> list[np.ndarray]:
    random = np.random.default_rng([seed, 3])
    return [
        random_integers(channel.element.range, (count, *channel.frame_shape), random)
        for port, channel in design.ports
        if port.direction == "in"
    ]


def _simulate(design: Design, seed: int, random: np.random.Generator) -> None:
    integers = _integers(design, 100, seed)
    for stalls in (0.0, float(random.choice([0.1, 0.5, 0.9]))):
        got, result = design.simulate_core(
            integers, stall_probability_in=stalls, stall_probability_out=stalls / 2, seed=seed
        )
        for want, have in zip(design.core(integers), got, strict=True):
            if not np.array_equal(want.reshape(have.shape), have):
                raise Failure(f"Verilog and interpreter differ, stalls {stalls}")
        if result.tlast_errors:
            raise Failure(f"TLAST: {result.tlast_errors[0]}")
        if not stalls and result.cycles_per_frame != design.timing.cycles_per_frame:
            wanted = design.timing.cycles_per_frame
            raise Failure(f"{result.cycles_per_frame} cycles a frame, {wanted} predicted")


Job = Callable[[], str]


def _jobs(seed: int, what: str, simulate: bool, folder: Path) -> dict[str, Job]:
    """Returns what to do for a seed, by the kind of case."""
    jobs: dict[str, Job] = {
        "network": lambda: fuzz_network(seed, folder, simulate),
        "graph": lambda: fuzz_graph(seed, folder, simulate),
        "text": lambda: fuzz_text(seed, folder),
        "file": lambda: fuzz_file(seed, folder),
    }
    return {kind: job for kind, job in jobs.items() if what in ("all", f"{kind}s")}


def main() -> int:
    """Runs until the time is over; exit status 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=None, help="first seed (default: the time)")
    parser.add_argument("--count", type=int, default=10**9, help="how many seeds at most")
    parser.add_argument("--simulate-every", type=int, default=10, metavar="K")
    kinds = ("all", "files", "graphs", "networks", "texts")
    parser.add_argument("--what", choices=kinds, default="all")
    parsed = parser.parse_args()
    first = int(time.time()) % 10**8 if parsed.seed is None else parsed.seed
    end = time.monotonic() + parsed.seconds
    outcomes: Counter[str] = Counter()
    failures = 0
    print(f"first seed {first}", flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        for seed in range(first, first + parsed.count):
            if time.monotonic() > end:
                break
            # By the seed alone, so that one seed repeats what happened.
            simulate = seed % parsed.simulate_every == 0
            for kind, job in _jobs(seed, parsed.what, simulate, Path(temporary)).items():
                outcome = run_bounded(job, _BOUNDS)
                failures += outcome.failed
                outcomes[f"{kind}: {'FAILED' if outcome.failed else outcome.said}"] += 1
                if outcome.failed:
                    print(f"\nFAILED {kind}: --what {kind}s --seed {seed} --count 1", flush=True)
                    print("\n".join(outcome.said.strip().splitlines()[-6:]), flush=True)
    for outcome, count in outcomes.most_common():
        print(f"{count:6} {outcome}")
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
