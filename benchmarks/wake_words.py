"""Runs the wake words of the package `pymicro-wakeword` on speech, and places them on a small FPGA.

Speech comes from `espeak-ng`, its features from `pymicro-features`, the reference integers from
`ai-edge-litert` (TensorFlow Lite's reference kernels) and `tflite-micro`: install those five first.
`--place` places and routes, too, half an hour a network. `--write-docs` writes docs/wake_words.md.
"""

import argparse
import importlib
import io
import json
import subprocess
import sys
import tempfile
import wave
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import REPOSITORY, RESULTS, markdown, print_table, save_results
from qcompiler import compile as compile_model
from qcompiler.backends.synthesis.flow import Request, synthesize
from qcompiler.backends.synthesis.tools import Limits
from qcompiler.design import Design
from qcompiler.devices import load_device
from qcompiler.dialects.attributes import Array

WORDS = ("hey_jarvis", "alexa", "hey_mycroft", "okay_nabu")
FRAMES = 200
"""Of each network: half are speech and silence, half random integers; the states go on."""
_DEVICE, _MHZ, _CYCLES = "ecp5-25k", 100.0, 400_000
_HERTZ = 16_000
_FRAMES_A_SECOND = 100 / 3
"""A feature is of 10 ms; a frame has three of them."""
_PAGE = REPOSITORY / "docs" / "wake_words.md"
_LIMITS = Limits(seconds=7200)
_COMPARED = [
    "wake word", "frames", "scores", "states a frame", "LiteRT", "for microcontrollers",
    "Verilog", "with stalls", "cycles", "measured",
]  # fmt: skip
_PLACED = ["wake word", "MHz", "frames/s", "of real time", "LUT", "FF", "BRAM", "DSP", "minutes"]


def model_of(word: str) -> Path:
    """Returns the .tflite file of a wake word."""
    return Path(str(files("pymicro_wakeword"))) / "models" / f"{word}.tflite"


def _speech(words: str) -> bytes:
    """Returns somebody who says words, then silence, as 16-bit samples at 16 kHz."""
    command = ["espeak-ng", "-v", "en-us+f3", "-s", "160", "--stdout", words]
    made = subprocess.run(command, check=True, capture_output=True).stdout
    with wave.open(io.BytesIO(made)) as sound:
        rate, samples = sound.getframerate(), np.frombuffer(sound.readframes(10**9), np.int16)
    seconds = np.arange(len(samples) * _HERTZ // rate) / _HERTZ
    spoken = np.interp(seconds, np.arange(len(samples)) / rate, samples)
    silence = np.zeros(_HERTZ * 8 // 10)
    return np.concatenate([silence, spoken, silence, silence]).astype(np.int16).tobytes()


def frames_of(word: str, design: Design) -> Array:
    """Returns int8 frames: the wake word as its runtime hears it, then random ones."""
    heard = importlib.import_module("pymicro_wakeword.microwakeword").MicroWakeWordFeatures()
    features = np.concatenate(
        [part.reshape(1, -1) for part in heard.process_streaming(_speech(word.replace("_", " ")))]
    )
    reader = _litert(model_of(word))
    scale, zero_point = reader.get_input_details()[0]["quantization"]
    shape = tuple(reader.get_input_details()[0]["shape"])
    codes = np.round(features / scale + zero_point).astype(np.int8)
    spoken = codes[: len(codes) // shape[1] * shape[1]].reshape(-1, *shape)[: FRAMES // 2]
    rest = (FRAMES - len(spoken), *shape)
    return np.concatenate([spoken, np.random.default_rng(0).integers(-128, 128, rest, np.int8)])


def _litert(path: Path) -> Any:
    """Returns an interpreter with the reference kernels, which keeps all tensors."""
    module = importlib.import_module("ai_edge_litert.interpreter")
    reference = module.OpResolverType.BUILTIN_REF
    made = module.Interpreter(
        str(path), experimental_op_resolver_type=reference, experimental_preserve_all_tensors=True
    )
    made.allocate_tensors()
    return made


def _by_litert(path: Path, frames: Array) -> tuple[Array, list[Array]]:
    """Returns the scores, and what each frame leaves in each variable, as those are declared."""
    reader = _litert(path)
    given, taken = reader.get_input_details()[0]["index"], reader.get_output_details()[0]["index"]
    every = reader._get_ops_details()
    handles = [node["outputs"][0] for node in every if node["op_name"] == "VAR_HANDLE"]
    nodes = sorted(
        (node for node in every if node["op_name"] == "ASSIGN_VARIABLE"),
        key=lambda node: handles.index(node["inputs"][0]),
    )
    scores: list[int] = []
    left: list[list[Array]] = [[] for _ in nodes]
    for frame in frames:
        reader.set_tensor(given, frame)
        reader.invoke()
        scores.append(int(reader.get_tensor(taken).item()))
        for kept, node in zip(left, nodes, strict=True):
            kept.append(reader.get_tensor(node["inputs"][1]).reshape(-1).copy())
    return np.array(scores), [np.stack(kept) for kept in left]


def _for_microcontrollers(path: Path, frames: Array) -> Array:
    runtime = importlib.import_module("tflite_micro.python.tflite_micro.runtime")
    reader = runtime.Interpreter.from_file(str(path))
    scores: list[int] = []
    for frame in frames:
        reader.set_input(frame, 0)
        reader.invoke()
        scores.append(int(reader.get_output(0).item()))
    return np.array(scores)


def _states(design: Design, frames: Array) -> tuple[Array, list[Array]]:
    """Returns the scores of the interpreter, and the states that each frame leaves."""
    held, scores, left = list(design.initial_states), [], list[list[Array]]()
    for frame in frames:
        (score,), held = design.continue_core(design.quantize(frame[None]), held)
        scores.append(int(score.item()))
        left.append([state.reshape(-1) for state in held])
    return np.array(scores), [np.stack(parts) for parts in zip(*left, strict=True)]


def _differ(one: Array, other: Array) -> int:
    return int((one != other.reshape(one.shape)).sum())


def compare(word: str) -> dict[str, Any]:
    """Compares a wake word's integers: the runtimes', the interpreter's and the Verilog's."""
    path = model_of(word)
    design = compile_model(path, device=_DEVICE, mhz=_MHZ, cycles=_CYCLES)
    frames = frames_of(word, design)
    scores, states = _states(design, frames)
    wanted, left = _by_litert(path, frames)
    other = compile_model(path, cycles=_CYCLES, numerics="tflite-micro")
    small = other.core(other.quantize(frames))[0]
    simulated: list[int] = []
    measured = 0.0
    for stalls in (0.0, 0.3):
        (made,), result = design.simulate_core(
            design.quantize(frames), stall_probability_in=stalls, stall_probability_out=stalls
        )
        simulated.append(_differ(scores, made) + len(result.tlast_errors))
        measured = measured or result.cycles_per_frame
    return {
        "word": word,
        "frames": len(frames),
        "scores": [int(wanted.min()), int(wanted.max()), len(np.unique(wanted))],
        "states": sum(state.shape[1] for state in left),
        "litert": _differ(scores, wanted) + sum(map(_differ, left, states)),
        "micro": _differ(_for_microcontrollers(path, frames), small),
        "simulated": simulated,
        "cycles": design.timing.cycles_per_frame,
        "measured": measured,
    }


def place(word: str) -> dict[str, Any]:
    """Places and routes a wake word."""
    design = compile_model(model_of(word), device=_DEVICE, mhz=_MHZ, cycles=_CYCLES)
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "design"
        design.write(directory)
        request = Request(load_device(_DEVICE), _MHZ, place=True, limits=_LIMITS)
        found = synthesize(directory, request, lambda words: print(words, flush=True))
    assert found.timing is not None, "it was placed"
    return {
        "word": word,
        "mhz": found.timing.fmax_mhz,
        "rate": min(found.timing.fmax_mhz, _MHZ) * 1e6 / design.timing.cycles_per_frame,
        "total": found.total,
        "minutes": sum(found.seconds.values()) / 60,
    }


def _compared(found: dict[str, Any]) -> list[str]:
    low, high, count = found["scores"]
    numbers = (found["litert"], found["micro"], *found["simulated"], found["cycles"])
    return [
        found["word"], str(found["frames"]), f"{low} to {high}, {count} different",
        str(found["states"]), *map(str, numbers), f"{found['measured']:g}",
    ]  # fmt: skip


def _placed(found: dict[str, Any]) -> list[str]:
    numbers = [str(found["total"][kind]) for kind in ("LUT", "FF", "BRAM", "DSP")]
    rate = found["rate"]
    times = f"{rate / _FRAMES_A_SECOND:.0f} times"
    return [
        found["word"], f"{found['mhz']:.1f}", f"{rate:,.0f}", times, *numbers,
        f"{found['minutes']:.0f}",
    ]  # fmt: skip


_TEXT = """\
# Wake words

Written by `python -m benchmarks.wake_words --write-docs`; do not edit.

The four wake words of the package `pymicro-wakeword` are int8 networks of TensorFlow Lite with six
ring buffers each ([guide](guides/stream-with-state.md)), which run on microcontrollers. Each is
compiled by `qcc compile NAME.tflite --device {device} --cycles {cycles}`.

## Integers

{frames} frames of 30 ms in one sequence: a synthetic voice that says the wake word, then random
integers. Columns from *LiteRT* to *with stalls* count integers that differ: of the scores (0 to
255, the probability that it was said) and all states after each frame between the interpreter and
TensorFlow Lite's reference kernels; of the scores between the interpreter (with
`--numerics tflite-micro`) and TensorFlow Lite for Microcontrollers; of the scores between the
interpreter and the Verilog in Verilator, back to back and with random stalls at all ports. *Cycles*
are predicted for a frame.

{compared}

## Placed and routed

On {device}, by Yosys and nextpnr, seed 1, at {mhz:g} MHz at most; real time is {rate:.1f} frames a
second. Minutes are those of a machine with other work.

{placed}
"""


def _known() -> dict[str, dict[str, Any]]:
    """Returns what earlier runs measured: comparisons and placements, by wake word."""
    path = RESULTS / "wake_words.json"
    if not path.exists():
        return {"compared": {}, "placed": {}}
    return json.loads(path.read_text(encoding="utf-8"))["results"]


def main() -> int:
    """Measures; exit status 1 if an integer differs or a network is slower than real time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write-docs", action="store_true", help="write docs/wake_words.md")
    parser.add_argument("--only", choices=WORDS, action="append", help="others stay as measured")
    parser.add_argument("--place", action="store_true", help="place and route instead of comparing")
    parsed = parser.parse_args()
    for word in parsed.only or WORDS:
        what, measured = ("placed", place) if parsed.place else ("compared", compare)
        found = measured(word)
        known = _known()  # another run may have ended meanwhile
        known[what][word] = found
        save_results("wake_words", known)
    return _tell(_known(), write=parsed.write_docs)


def _tell(known: dict[str, dict[str, Any]], *, write: bool) -> int:
    """Prints what is known, and writes the page; 1 if an integer differs or one is too slow."""
    compared, placed = (
        [known[what][word] for word in WORDS if word in known[what]]
        for what in ("compared", "placed")
    )
    tables = [_compared(one) for one in compared], [_placed(one) for one in placed]
    print_table("integers that differ", _COMPARED, tables[0])
    print_table("placed", _PLACED, tables[1])
    if write:
        text = _TEXT.format(
            device=_DEVICE, cycles=_CYCLES, frames=FRAMES, mhz=_MHZ, rate=_FRAMES_A_SECOND,
            compared=markdown(_COMPARED, tables[0]), placed=markdown(_PLACED, tables[1]),
        )  # fmt: skip
        _PAGE.write_text(text, encoding="utf-8")
    wrong = any(one["litert"] or one["micro"] or any(one["simulated"]) for one in compared)
    return int(wrong or any(one["rate"] < _FRAMES_A_SECOND for one in placed))


if __name__ == "__main__":
    sys.exit(main())
