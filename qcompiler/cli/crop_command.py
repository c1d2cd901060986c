"""qcc crop: a float model with fewer channels, to be trained."""

import argparse
import shlex
from pathlib import Path

from rich.markup import escape

from qcompiler.cli.common import err, out, positive, positive_int, print_json, print_table, table
from qcompiler.cli.progress import showing_progress
from qcompiler.cropping.crop_model import Cropped, Hardware, crop_model
from qcompiler.errors import ModelError, Problem

_LIMITS = {
    "--device": (str, "NAME|FILE", "the largest model that this part takes, by estimates"),
    "--fps": (positive, "N", "at so many frames per second"),
    "--cycles": (positive_int, "N", "the same as most cycles a frame"),
    "--mhz": (positive, "N", "clock that --fps refers to (default: 100)"),
    "--luts": (positive_int, "N", "within so many look-up tables"),
    "--dsps": (positive_int, "N", "within so many hard multipliers"),
    "--brams": (positive_int, "N", "within so many block memories"),
}
_COMPILED = {"luts": "max_luts", "dsps": "max_dsps", "brams": "max_brams"}


_BOUNDS = ("device", "luts", "dsps", "brams")
_BITS = range(2, 17)


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"must be above 0 and at most 1, got {text}")
    return value


def _bits(text: str) -> int:
    value = positive_int(text)
    if value not in _BITS:
        raise argparse.ArgumentTypeError(f"must be {_BITS[0]} to {_BITS[-1]}, got {text}")
    return value


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("model", metavar="MODEL", type=Path, help="a float ONNX file")
    parser.add_argument(
        "-o", "--output", metavar="FILE.onnx", type=Path, help="where to write the smaller model"
    )
    parser.add_argument(
        "--keep", type=_share, metavar="SHARE", help="of the weights that stay, e.g. 0.5"
    )
    for option, (kind, metavar, help_) in _LIMITS.items():
        parser.add_argument(option, type=kind, metavar=metavar, help=help_)
    parser.add_argument(
        "--bits",
        metavar="N",
        type=_bits,
        default=8,
        help="of weights and activations, for what hardware takes (default: 8)",
    )
    parser.add_argument(
        "--multiple",
        metavar="N",
        type=positive_int,
        help="widths are multiples of this, for PE and SIMD that divide them (default: 1; for "
        "hardware the best of 1, 2, 4, 8)",
    )
    parser.add_argument("--json", action="store_true", help="print the widths as JSON")


def run(parsed: argparse.Namespace) -> int:
    """Crops; returns the exit status."""
    names = [option.removeprefix("--") for option in _LIMITS]
    given = {name: getattr(parsed, name) for name in names if getattr(parsed, name) is not None}
    if (parsed.keep is None) == (not given):
        err.print("qcc crop: give --keep, or what hardware it is for (--device, --luts, --fps)")
        return 2
    if given and not any(bound in given for bound in _BOUNDS):
        err.print("qcc crop: a rate alone bounds nothing: give --device or --luts, too")
        return 2
    path = parsed.output or Path(f"{parsed.model.stem}_cropped.onnx")
    if path.suffix != ".onnx":
        what = "does not end in .onnx"
        raise ModelError([Problem(str(path), what, "name an .onnx file with -o")])
    if path.resolve() == parsed.model.resolve():
        raise ModelError([Problem(str(path), "is the model itself", "name another file with -o")])
    options = {_COMPILED.get(name, name): value for name, value in given.items()}
    hardware = Hardware(options, parsed.bits) if given else None
    try:
        with showing_progress() as progress:
            made = crop_model(
                parsed.model,
                keep=parsed.keep,
                hardware=hardware,
                multiple=parsed.multiple,
                progress=progress,
            )
    except ValueError as error:
        err.print(f"qcc crop: {error}", markup=False)
        return 2
    model, widths = made.write(path)
    if parsed.json:
        print_json({"file": str(model), **made.as_dict()})
        return 0
    _show(made, model, widths)
    return 0


def _show(made: Cropped, model: Path, widths: Path) -> None:
    shown = table(f"{model.name}: {made.share:.0%} of the weights", "layer", "channels", "before")
    for name, (before, now) in made.outputs.items():
        shown.add_row(escape(name), str(now), str(before))
    print_table(shown)
    out.print(f"written: {escape(str(model))}, {escape(str(widths))}")
    err.print("next:    train it, then")
    err.print(f"         qcc quantize {escape(shlex.quote(str(model)))}")
