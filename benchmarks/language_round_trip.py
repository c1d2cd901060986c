"""Imports every model at hand as text, compiles both, and compares the Verilog byte by byte.

`python -m benchmarks.language_round_trip [--write-docs] [NAME ...]`
"""

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from xdsl.dialects.builtin import ModuleOp

from benchmarks.zoo.models import Model, all_models
from benchmarks.zoo.prepare import prepare
from qcompiler.assembly import print_module
from qcompiler.compiler import Options, compile_module, import_model
from qcompiler.design import Design
from qcompiler.errors import ModelError
from qcompiler.frontends.onnx import parse_input_option
from qcompiler.frontends.text import import_text
from qcompiler.frontends.text.formatter import formatted
from qcompiler.frontends.text.printer import print_network

PAGE = Path(__file__).parents[1] / "docs" / "language_round_trip.md"


@dataclass
class Result:
    """What became of one model.

    Attributes:
        name: of the model.
        outcome: `equal`, `not imported`, `refused` (both, alike), or what differs.
        lines: of text.
        numbers: in the file beside the text.
        modules: .v and .mem files compared.
        read_s: seconds to read the text.
    """

    name: str
    outcome: str
    lines: int = 0
    numbers: int = 0
    modules: int = 0
    read_s: float = 0.0


def hardware(design: Design, folder: Path) -> dict[str, bytes]:
    """Returns the .v and .mem files of a design."""
    design.write(folder)
    rtl = folder / "rtl"
    return {str(f.relative_to(rtl)): f.read_bytes() for f in sorted(rtl.rglob("*")) if f.is_file()}


def _text(module: ModuleOp) -> str:
    """Returns the IR without the list of nodes: a text has those that the outputs need only."""
    copy = module.clone()
    copy.attributes.pop("nn.nodes", None)
    return print_module(copy)


def round_trip(model: Model, folder: Path) -> Result:
    """Takes a model to text and back."""
    result = Result(model.name, "equal")
    prepared = prepare(model, folder)
    inputs = dict(parse_input_option(f"{name}={text}") for name, text in prepared.inputs.items())
    options = Options(inputs=inputs)
    try:
        module = import_model(prepared.path, options)
    except ModelError:
        result.outcome = "not imported"
        return result
    path = folder / "model.qnn"
    printed = print_network(module, "model.npz")
    printed.write(path)
    result.lines = printed.text.count("\n")
    result.numbers = sum(array.size for array in printed.arrays.values())
    start = time.perf_counter()
    back = import_text(path)
    result.read_s = time.perf_counter() - start
    if _text(back) != _text(module):
        result.outcome = "IR differs"
        return result
    if formatted(printed.text) != printed.text:
        result.outcome = "layout differs"
        return result
    made: list[dict[str, bytes] | str] = []
    for index, network in enumerate((module, back)):
        try:
            made.append(hardware(compile_module(network, Options()), folder / f"design{index}"))
        except ModelError as error:
            made.append(str(error))
    if made[0] != made[1]:
        result.outcome = "Verilog differs"
    elif isinstance(made[0], str):
        result.outcome = "refused"
    else:
        result.modules = len(made[0])
    return result


def page(results: list[Result]) -> str:
    """Returns the page of the documentation."""
    counts = {r.outcome: sum(o.outcome == r.outcome for o in results) for r in results}
    head = [
        "# Models as text, and back",
        "",
        "Written by `python -m benchmarks.language_round_trip --write-docs`; do not edit.",
        "",
        "Each model at hand is imported, printed in the [model language](language.md), read",
        "back, and both are compiled with default options. `equal`: the same IR, the same",
        "layout after `qcc fmt`, and the same bytes in every `.v` and `.mem` file. `refused`: the",
        "same IR, and the same refusal by a later pass. Models that the ONNX front end refuses are",
        "only counted.",
        "",
        ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())) + ".",
        "",
        "| model | outcome | lines | numbers beside | files equal | read s |",
        "|---|---|---|---|---|---|",
    ]
    rows = [
        f"| {r.name} | {r.outcome} | {r.lines} | {r.numbers} | {r.modules} | {r.read_s:.2f} |"
        for r in results
        if r.outcome != "not imported"
    ]
    return "\n".join([*head, *rows]) + "\n"


def main() -> int:
    """Runs; exit status 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="parts of the names of models (default: all)")
    parser.add_argument("--write-docs", action="store_true")
    parsed = parser.parse_args()
    results: list[Result] = []
    for model in all_models():
        if parsed.names and not any(part in model.name for part in parsed.names):
            continue
        with tempfile.TemporaryDirectory() as folder:
            results.append(round_trip(model, Path(folder)))
        print(results[-1], flush=True)
    if parsed.write_docs:
        PAGE.write_text(page(results), encoding="utf-8")
    return int(any(r.outcome.endswith("differs") for r in results))


if __name__ == "__main__":
    raise SystemExit(main())
