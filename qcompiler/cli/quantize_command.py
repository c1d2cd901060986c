"""qcc quantize: from a float model to one that computes in integers."""

import argparse
from pathlib import Path

from rich.markup import escape

from qcompiler.cli.common import err, out, positive_int, print_json, print_table, table
from qcompiler.cli.progress import showing_progress
from qcompiler.errors import ModelError, Problem
from qcompiler.quantization.quantize import FORMATS, Result, Settings, quantize
from qcompiler.quantization.ranges import METHODS

_DEFAULT = Settings()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("model", metavar="MODEL", type=Path, help="a float ONNX file")
    parser.add_argument(
        "-o", "--output", metavar="FILE.onnx", type=Path, help="where to write the quantized model"
    )
    parser.add_argument(
        "--data",
        metavar="FILE.npz",
        help="frames of each input by name (frames first), from which ranges are",
    )
    for name, what in (
        ("weight", "of weights"),
        ("activation", "of activations"),
        ("input", "of the model's inputs"),
    ):
        default = getattr(_DEFAULT, f"{name}_bits")
        parser.add_argument(
            f"--{name}-bits",
            metavar="N",
            type=positive_int,
            default=default,
            help=f"width {what} (default: {default})",
        )
    parser.add_argument(
        "--ranges",
        choices=METHODS,
        default=_DEFAULT.ranges,
        help=f"how far codes reach (default: {_DEFAULT.ranges})",
    )
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default=_DEFAULT.format,
        help="QDQ runs in onnxruntime and has 4, 8 and 16 bits; QONNX has all (default: QDQ if it "
        "can)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of all that is random (default: 0)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(parsed: argparse.Namespace) -> int:
    """Quantizes; returns the exit status."""
    path = parsed.output or Path(f"{parsed.model.stem}_quantized.onnx")
    if path.suffix != ".onnx":
        raise ModelError(
            [Problem(str(path), "does not end in .onnx", "name an .onnx file with -o")]
        )
    if path.resolve() == parsed.model.resolve():
        raise ModelError([Problem(str(path), "is the model itself", "name another file with -o")])
    names = ("weight_bits", "activation_bits", "input_bits", "ranges", "format", "seed")
    with showing_progress() as progress:
        options = {name: getattr(parsed, name) for name in names}
        result = quantize(parsed.model, parsed.data, progress, **options)
        result.write(path)
    if parsed.json:
        print_json({"file": str(path), **result.as_dict()})
    else:
        _show(result, path)
    return 0


def _show(result: Result, path: Path) -> None:
    shown = table(f"{path.name}: {result.format}", "layer", "weights", "activations")
    for row in result.layers():
        shown.add_row(escape(row.name), f"{row.weight_bits} bits", f"{row.activation_bits} bits")
    print_table(shown)
    out.print(f"written: {escape(str(path))}")
    err.print(f"next:    qcc compile {escape(str(path))}")
