"""qcc evaluate: networks side by side on data."""

import argparse
from pathlib import Path

from rich.markup import escape

from qcompiler.cli.common import out, print_json, print_table, table
from qcompiler.cli.progress import showing_progress
from qcompiler.quantization.evaluate import Evaluation, evaluate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument(
        "models",
        metavar="MODEL",
        nargs="+",
        type=Path,
        help="float and quantized ONNX files, and designs of qcc compile",
    )
    parser.add_argument(
        "--data",
        metavar="FILE.npz",
        type=Path,
        required=True,
        help="frames of each input by name (frames first), and perhaps `labels`",
    )
    parser.add_argument(
        "--spade",
        action="store_true",
        help="the SPADE score of each, and the frames that it finds least robust",
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(parsed: argparse.Namespace) -> int:
    """Evaluates; returns the exit status."""
    with showing_progress() as progress:
        found = evaluate(parsed.models, parsed.data, robustness=parsed.spade, progress=progress)
    if parsed.json:
        print_json(found.as_dict())
    else:
        _show(found)
    return 0


def _decibels(number: float | None) -> str:
    return "equal" if number is None else f"{number:.1f} dB"


def _show(found: Evaluation) -> None:
    title = f"{found.frames} frames"
    shown = table(title, "network", "kind", "accuracy", "agreement", "outputs", "SPADE")
    for score in found.scores:
        accuracy = "no labels" if score.accuracy is None else f"{100 * score.accuracy:.2f} %"
        spade = "-" if score.spade is None else f"{score.spade:.4g}"
        spade += f" ({score.spade_parts} parts)" if (score.spade_parts or 1) > 1 else ""
        agreement = f"{100 * score.agreement:.2f} %"
        cells = score.kind, accuracy, agreement, _decibels(score.snr_db), spade
        shown.add_row(escape(score.name), *cells)
    print_table(shown)
    if found.layers:
        layers = table("signal to noise of layers", "layer", "network", "SNR", "lost here")
        for layer in found.layers:
            lost = f"{layer.loss_db:.1f} dB"
            layers.add_row(escape(layer.name), escape(layer.network), _decibels(layer.snr_db), lost)
        print_table(layers)
    for network in dict.fromkeys(layer.network for layer in found.layers):
        worst = found.worst(network)
        if worst is not None:
            out.print(f"loses most: {escape(worst.name)} of {escape(network)}")
    if any((score.spade_parts or 1) > 1 for score in found.scores):
        out.print("SPADE: a graph of outputs in several parts makes a score that says little")
    for score in found.scores:
        if score.least_robust:
            frames = ", ".join(map(str, score.least_robust))
            out.print(f"least robust: {frames} ({escape(score.name)}, {score.kind})")
