"""Looks for failures with random networks and damaged files; prints the seed of each.

Networks: compiled with every pass validated by the interpreters, in a random folding, under random
numerics; every k-th one simulated with random stalls, and compared with qonnx's executor. Files:
random bytes, and models with bytes changed; only `ModelError` may come out of the front end.
Texts: random bytes, and networks in the model language with letters, words and lines changed; only
diagnostics with a place may come out, in bounded time.
`--seed N --count 1` repeats what was reported for seed N.
"""

import argparse
import re
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

import numpy as np
import onnx

from benchmarks.random_models import random_model
from benchmarks.reference import compare
from qcompiler import compile as compile_model
from qcompiler.analysis.validation import random_inputs, random_integers
from qcompiler.design import Design
from qcompiler.errors import ModelError
from qcompiler.frontends.onnx import import_onnx
from qcompiler.frontends.text import LanguageError, import_text
from qcompiler.frontends.text.formatter import formatted
from qcompiler.frontends.text.parser import tokens_of
from qcompiler.frontends.text.printer import print_network
from qcompiler.interpreters import functions, run, run_model

_SLOW_S = 60
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
    start = time.monotonic()
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
    _layout_is_stable(path.read_bytes().decode("utf-8-sig"))
    if time.monotonic() - start > _SLOW_S:
        raise Failure(f"took {time.monotonic() - start:.0f} s")
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


def fuzz_network(seed: int, folder: Path, simulate: bool) -> str:
    """Takes a random network through the compiler; returns what became of it."""
    random = np.random.default_rng([seed, 2])
    path = folder / "random.onnx"
    path.write_bytes(random_model(seed).SerializeToString())
    numerics = "onnxruntime" if random.random() < 0.2 else "exact"
    cycles = int(random.choice([0, 1, 2, 7, 50, 10_000]))
    requantizer = str(random.choice(["auto", "auto", "auto", "threshold"]))
    try:
        design = compile_model(
            path,
            numerics=numerics,
            cycles=cycles or None,
            requantizer=requantizer,
            validate=True,
        )
    except ModelError as error:
        return f"refused: {error.problems[0].what[:60]}"
    _levels_agree(design, seed)
    if simulate:
        _simulate(design, seed, random)
        if numerics == "exact":
            inputs = random_inputs(
                [a.type for a in functions(design.level("nn"))["main"].args], 64, seed
            )
            given = dict(zip(design.names("inputs"), inputs, strict=True))
            found = compare(design, path, given, given)
            if found.mismatches:
                raise Failure("differs from qonnx: " + "; ".join(found.notes))
        return "simulated"
    return "compiled"


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


def main() -> int:
    """Runs until the time is over; exit status 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=None, help="first seed (default: the time)")
    parser.add_argument("--count", type=int, default=10**9, help="how many seeds at most")
    parser.add_argument("--simulate-every", type=int, default=10, metavar="K")
    parser.add_argument("--what", choices=("both", "files", "networks", "texts"), default="both")
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
            jobs = []
            if parsed.what in ("both", "networks"):
                # By the seed alone, so that one seed repeats what happened.
                simulate = seed % parsed.simulate_every == 0
                jobs.append(
                    ("network", lambda s=seed, v=simulate: fuzz_network(s, Path(temporary), v))
                )
            if parsed.what in ("both", "texts"):
                jobs.append(("text", lambda s=seed: fuzz_text(s, Path(temporary))))
            if parsed.what in ("both", "files"):
                jobs.append(("file", lambda s=seed: fuzz_file(s, Path(temporary))))
            for kind, job in jobs:
                try:
                    outcomes[f"{kind}: {job()}"] += 1
                except Exception:  # whatever it is, it is what this looks for
                    failures += 1
                    outcomes[f"{kind}: FAILED"] += 1
                    words = traceback.format_exc().strip().splitlines()
                    print(f"\nFAILED {kind}: --what {kind}s --seed {seed} --count 1", flush=True)
                    print("\n".join(words[-6:]), flush=True)
    for outcome, count in outcomes.most_common():
        print(f"{count:6} {outcome}")
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
