"""What the device's cost changes: `python -m benchmarks.requantizer_forms`.

Each model is compiled for a device twice: with forms by a guess for no part in particular, and by
the device. Areas are estimates; with `--yosys`, those of synthesis, too.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import qcompiler
from benchmarks.area import measure
from benchmarks.common import REPOSITORY, ZOO, print_table
from qcompiler import pipelines
from qcompiler.analysis.area.estimate import Area, total
from qcompiler.backends.synthesis.tools import Limits
from qcompiler.design import Design
from qcompiler.devices import load_device
from qcompiler.dialects import qint
from qcompiler.errors import ModelError
from qcompiler.frontends.onnx.inputs import InputSpec, parse_input_option
from qcompiler.passes.pipeline import PassLike
from qcompiler.passes.select_requantizer import SelectRequantizerPass

_EXAMPLES = ("digits_mlp/digits_mlp", "digits_cnn/digits_cnn_qonnx", "digits_cnn/digits_cnn_qdq")
_KINDS = ("LUT", "FF", "BRAM", "DSP")


def _models() -> dict[str, tuple[Path, dict[str, InputSpec]]]:
    examples = {Path(e).name: REPOSITORY / "examples" / f"{e}.onnx" for e in _EXAMPLES}
    found = {name: (path, dict[str, InputSpec]()) for name, path in examples.items()}
    for model in ZOO:
        inputs = dict(parse_input_option(f"{n}={spec}") for n, spec in model.inputs.items())
        if model.path.is_file():
            found[model.name] = (model.path, inputs)
    return found


def _design(path: Path, inputs: dict[str, InputSpec], device: str, cycles: int, by: str) -> Design:
    guess = SelectRequantizerPass()
    wanted = guess if by == "guess" else guess.name
    passes: list[PassLike] = [wanted if p == guess.name else p for p in pipelines.DEFAULT]
    return qcompiler.compile(path, inputs=inputs, device=device, cycles=cycles, passes=passes)


def _forms(design: Design) -> list[str]:
    module = design.level("qint")
    return [
        op.name.removeprefix("qint.") for op in module.walk() if isinstance(op, qint.RequantizerOp)
    ]


def _words(area: dict[str, int]) -> str:
    return ", ".join(f"{area[kind]} {kind}" for kind in _KINDS)


def _row(
    name: str, device: str, cycles: int, path: Path, inputs: dict[str, InputSpec], yosys: bool
) -> list[str]:
    before, after = (_design(path, inputs, device, cycles, by) for by in ("guess", "device"))
    pairs = Counter(zip(_forms(before), _forms(after), strict=True))
    changed = [f"{n} {a} -> {b}" for (a, b), n in sorted(pairs.items()) if a != b]
    row = [name, device, ", ".join(changed) or f"none of {pairs.total()}"]
    for design in (before, after):
        area: Area = total(design.areas.values())
        row.append(_words(area.as_dict()))
        if yosys:
            with TemporaryDirectory() as folder:
                part = load_device(device)
                found = measure(design.rtl_design(Path(folder)), part, Limits(900, 6 << 30))
            row.append(found.error or _words(found.total(part.family)))
    return row


def main() -> int:
    """Compiles; prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=list(_models()))
    parser.add_argument("--devices", nargs="+", default=["ecp5-85k", "zynq-7020"])
    parser.add_argument("--cycles", type=int, default=2048)
    parser.add_argument("--yosys", action="store_true")
    parsed = parser.parse_args()
    rows: list[list[str]] = []
    for name in parsed.models:
        for device in parsed.devices:
            try:
                rows.append(_row(name, device, parsed.cycles, *_models()[name], parsed.yosys))
            except ModelError as error:
                rows.append([name, device, str(error).splitlines()[0]])
            print(*rows[-1], sep=" | ", flush=True)
    stages = ("before", "before, Yosys", "after", "after, Yosys")
    head = ("model", "device", "forms changed", *(stages if parsed.yosys else stages[::2]))
    print_table(f"Requantizers at {parsed.cycles} cycles a frame", head, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
