"""What bits buy on a device: uniform widths, and those that are chosen for a budget."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.float_networks import Task
from qcompiler import compile as compile_model
from qcompiler.design import Design
from qcompiler.errors import ModelError
from qcompiler.quantization.data import Data
from qcompiler.quantization.quantize import quantize

DEVICE = "ecp5-25k"
UNIFORM = (2, 3, 4, 5, 6, 8)
WIDTHS = (2, 3, 4, 6)
BUDGETS: Mapping[str, tuple[int, int]] = {"digits": (4608, 5600), "fashion": (50000, 6000)}
"""Cycles a frame and look-up tables, by task."""
AREA = ("network", "widths", "accuracy, %", "LUT", "DSP", "cycles", "")
_SIMULATED = 2


def _accuracy(design: Design, task: Task) -> float:
    x, y = task.test
    found = [np.asarray(design.predict(x[i : i + 100])) for i in range(0, len(x), 100)]
    scores = np.concatenate(found).reshape(len(x), -1)
    return float(100 * (scores.argmax(1) == y).mean())


def _measured(path: Path, task: Task, rate: Mapping[str, Any], *, simulate: bool) -> list[Any]:
    """Returns accuracy, areas, cycles of a network; or why it does not fit on the device."""
    try:
        design = compile_model(path, device=DEVICE, **rate)
    except ModelError as error:
        right = _accuracy(compile_model(path), task)
        return [right, None, None, None, error.problems[0].what.split(";")[0]]
    area = design.report().area
    said = ""
    if simulate:
        x = task.test[0][:_SIMULATED]
        equal = np.array_equal(np.asarray(design.simulate(x)), np.asarray(design.predict(x)))
        said = "simulation equal" if equal else "simulation differs"
    cycles = design.timing.cycles_per_frame
    return [_accuracy(design, task), area["LUT"], area["DSP"], cycles, said]


def hardware(
    task: Task, path: Path, data: Callable[[], Data], options: Mapping[str, Any],
    keep: Callable[[str, Callable[[], Any]], Any], figure: Path | None,
) -> list[list[Any]]:  # fmt: skip
    """Returns the rows of the table of hardware.

    Args:
        task: with its test images.
        path: of the float network.
        data: returns the data on which activations are measured.
        options: of `quantize`.
        keep: returns what was measured before.
        figure: where the front is drawn.
    """
    cycles, luts = BUDGETS[task.name]
    rows: dict[str, list[Any]] = {}
    with tempfile.TemporaryDirectory() as name:
        target = Path(name) / "network.onnx"

        def uniform(bits: int) -> list[Any]:
            both = {"weight_bits": bits, "activation_bits": bits, "format": "qonnx"}
            made = quantize(path, data(), **both, **options)
            return _measured(made.write(target), task, {"cycles": cycles}, simulate=False)

        def mixed() -> dict[str, Any]:
            limits = {"cycles": cycles, "max_luts": luts}
            auto = {"weight_bits": "auto", "activation_bits": "auto", "widths": WIDTHS}
            made = quantize(
                path, data(), format="qonnx", device=DEVICE, **auto, **limits, **options
            )
            found = _measured(made.write(target), task, limits, simulate=True)
            assert made.plan is not None
            return {"row": found, "plan": made.plan.as_dict()}

        for bits in UNIFORM:
            row = keep(f"{task.name} | hardware | {bits}", lambda bits=bits: uniform(bits))
            fits = row[1] is not None and row[1] <= luts
            said = row[4] or ("" if fits else f"more than {luts} LUT")
            rows[f"W{bits}A{bits}"] = [*row[:4], said]
            print(task.name, bits, rows[f"W{bits}A{bits}"], flush=True)
        found = keep(f"{task.name} | hardware | mixed", mixed)
    rows[f"mixed, at most {luts} LUT"] = found["row"]
    print(task.name, "mixed", found["row"], flush=True)
    if figure is not None:
        _draw(rows, found["plan"], luts, figure)
    return [[task.name, name, *_cells(row)] for name, row in rows.items()]


def _cells(row: list[Any]) -> list[str]:
    return [f"{row[0]:.1f}", *("" if cell is None else str(cell) for cell in row[1:])]


def _draw(rows: Mapping[str, list[Any]], plan: Mapping[str, Any], luts: int, path: Path) -> None:
    """Draws accuracies over look-up tables, and below the front of sensitivities."""
    from matplotlib import pyplot

    figure, (above, below) = pyplot.subplots(2, 1, sharex=True, figsize=(6, 6))
    for place, (name, row) in enumerate(rows.items()):
        if row[1] is None:
            continue
        mixed, side = name.startswith("mixed"), "right" if place % 2 else "left"
        above.plot(row[1], row[0], "s" if mixed else "o", color="C1" if mixed else "C0")
        above.annotate(  # neighbours do not meet
            "mixed" if mixed else name,
            (row[1], row[0]),
            (0, 8 if mixed else -16),
            textcoords="offset points",
            ha="center" if mixed else side,
        )
    above.margins(y=0.2)
    above.axvline(luts, color="grey", linestyle=":")
    above.set_ylabel("accuracy, %")
    luts_of_points = [point["costs"]["LUT"] for point in plan["front"]]
    below.plot(luts_of_points, [point["sensitivity"] for point in plan["front"]], "o-", color="C1")
    below.set_yscale("log")
    below.set_ylabel("sensitivity (KL)")
    below.set_xlabel("look-up tables (below: as the program has it)")
    figure.tight_layout()
    figure.savefig(path)
    pyplot.close(figure)
