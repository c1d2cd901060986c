"""qcc quantize: from a float model to one that computes in integers."""

import argparse
import shlex
from dataclasses import fields
from pathlib import Path

from rich.markup import escape

from qcompiler.cli.common import err, out, positive, positive_int, print_json, print_table, table
from qcompiler.cli.progress import showing_progress
from qcompiler.errors import ModelError, Problem
from qcompiler.quantization.plan import Plan
from qcompiler.quantization.quantize import DISTILLED, GAUSSIAN, Result, quantize
from qcompiler.quantization.settings import AUTO, CHOICES, Bits, Settings

_DEFAULT = Settings()
_WORDS = {
    "ranges": "how far codes reach",
    "rounding": "of weights",
    "sensitivity": "by which auto chooses",
    "format": "QDQ runs in onnxruntime and has 4, 8 and 16 bits, QONNX all; auto: QDQ if it can",
}
_BUDGETS = {
    "--size": (positive, "budget: most bytes of all weights"),
    "--bops": (positive, "budget: most bit operations a frame"),
    "--device": (str, "budget: the part, by the compiler's estimates of LUTs, DSPs and memories"),
    "--fps": (positive, "frames per second that the hardware is folded for"),
    "--cycles": (positive_int, "the same as most cycles a frame"),
    "--mhz": (positive, "clock that --fps refers to (default: 100)"),
    "--max-luts": (positive_int, "less look-up tables than the device has"),
    "--max-dsps": (positive_int, "less hard multipliers"),
    "--max-brams": (positive_int, "less block memories"),
}


def _bits(text: str) -> Bits:
    return AUTO if text == AUTO else positive_int(text)


def _widths(text: str) -> tuple[int, ...]:
    return tuple(sorted({positive_int(word) for word in text.split(",")}))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("model", metavar="MODEL", type=Path, help="a float ONNX file")
    parser.add_argument(
        "-o", "--output", metavar="FILE.onnx", type=Path, help="where to write the quantized model"
    )
    parser.add_argument(
        "--data",
        metavar=f"FILE.npz|{DISTILLED}|{GAUSSIAN}",
        default=DISTILLED,
        help="frames of each input by name (frames first); none: inputs distilled from the "
        "statistics of batch norms (default); gaussian: normal numbers",
    )
    for name, what in (("weight", "weights"), ("activation", "activations")):
        parser.add_argument(
            f"--{name}-bits",
            metavar="N|auto",
            type=_bits,
            default=8,
            help=f"width of {what}; auto chooses each within a budget (default: 8)",
        )
    parser.add_argument(
        "--input-bits", metavar="N", type=positive_int, default=8, help="of inputs (default: 8)"
    )
    parser.add_argument(
        "--input-range",
        nargs=2,
        metavar=("LO", "HI"),
        type=float,
        help="how far inputs reach, if it is known (0 1 for pixels): distilled ones stay within",
    )
    parser.add_argument(
        "--widths",
        metavar="N,N,...",
        type=_widths,
        default=_DEFAULT.widths,
        help="that auto chooses from (default: 2,4,8)",
    )
    for name, words in CHOICES.items():
        default = getattr(_DEFAULT, name)
        help_ = f"{_WORDS[name]} (default: {default})"
        parser.add_argument(f"--{name}", choices=words, default=default, help=help_)
    parser.add_argument(
        "--equalize", action="store_true", help="balance the ranges of channels between layers"
    )
    parser.add_argument(
        "--correct-biases",
        action=argparse.BooleanOptionalAction,
        default=_DEFAULT.correct_biases,
        help="take mean errors of layers out of biases (default: yes)",
    )
    for option, (kind, help_) in _BUDGETS.items():
        metavar = "NAME|FILE" if kind is str else "N"
        parser.add_argument(option, type=kind, metavar=metavar, help=help_)
    parser.add_argument("--seed", type=int, default=0, help="of all that is random (default: 0)")
    parser.add_argument(
        "--plot", metavar="FILE", type=Path, help="draw the front of widths (.png, .svg, .pdf)"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(parsed: argparse.Namespace) -> int:
    """Quantizes; returns the exit status."""
    path = parsed.output or Path(f"{parsed.model.stem}_quantized.onnx")
    if path.suffix != ".onnx":
        what = "does not end in .onnx"
        raise ModelError([Problem(str(path), what, "name an .onnx file with -o")])
    if path.resolve() == parsed.model.resolve():
        raise ModelError([Problem(str(path), "is the model itself", "name another file with -o")])
    options = {field.name: getattr(parsed, field.name) for field in fields(Settings)}
    if parsed.input_range is not None:
        options["input_range"] = tuple(parsed.input_range)
    if parsed.plot is not None and AUTO not in (parsed.weight_bits, parsed.activation_bits):
        err.print("qcc quantize: --plot has no effect without widths to choose (auto)")
        return 2
    with showing_progress() as progress:
        result = quantize(parsed.model, parsed.data, progress, **options)
        result.write(path)
    if parsed.plot is not None and result.plan is not None:
        result.plan.plot().figure.savefig(parsed.plot)
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
    if result.plan is not None:
        _show_plan(result.plan)
    out.print(f"written: {escape(str(path))}")
    err.print(f"next:    qcc compile {escape(shlex.quote(str(path)))}")


def _show_plan(plan: Plan) -> None:
    front = table(f"least sensitivity by {plan.kind}", plan.kind, "sensitivity", "mean width")
    for point in plan.front:
        widths = point.widths.weights.values()
        mean = sum(widths) / max(len(widths), 1)
        front.add_row(f"{point.costs[plan.kind]:,.0f}", f"{point.sensitivity:.4g}", f"{mean:.2f}")
    print_table(front)
    spent = plan.compiled or plan.costs
    for kind, most in plan.budget.items():
        out.print(f"budget:  {spent.get(kind, 0):,.0f} of {most:,.0f} {kind}")
