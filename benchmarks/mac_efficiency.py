"""How well multipliers are used at the folding chosen for a device, layer by layer.

`--write-docs` writes docs/mac_efficiency.md.
"""

import argparse
import gc
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.common import MODELS, REPOSITORY, markdown, print_table, save_results
from qcompiler import pipelines
from qcompiler.backends.report.data import LayerReport
from qcompiler.backends.report.data import ReportData as Report
from qcompiler.compiler import Options, compile_module, import_model
from qcompiler.passes.pipeline import make_pass, run_passes

NAMES = ("resnet8", "kws_dscnn")
DEVICES = ("ecp5-85k", "zu3eg")
LEAST_AVERAGE = 0.85
MOST_SECONDS = 5.0
"""Of the search for a folding of resnet8."""
_PAGE = REPOSITORY / "docs" / "mac_efficiency.md"
_COLUMNS = (
    "layer", "products", "multipliers", "cycles", "used", "of it on padding", "waits",
    "next smaller folding",
)  # fmt: skip
_SUMMARY = (
    "model", "device", "cycles a frame", "average of layers", "all products", "without padding",
    "search", "met",
)  # fmt: skip


@dataclass(frozen=True)
class Result:
    """A model at the folding chosen for a device.

    Attributes:
        model, device: names.
        report: of the design.
        seconds: processor time that the search took.
    """

    model: str
    device: str
    report: Report
    seconds: float

    @property
    def convolutions(self) -> list[LayerReport]:
        """The convolutions, dense and depthwise."""
        return [layer for layer in self.report.layers if layer.products.get("convolution")]

    @property
    def average(self) -> float:
        """Mean over the convolutions."""
        found = self.report.mac_efficiency
        assert found is not None, "the models have convolutions"
        return found

    def whole(self, *, padding: bool) -> float:
        """Returns products of all convolutions over the places of all their multipliers."""
        told = [layer.products for layer in self.convolutions]
        places = self.report.cycles_per_frame * sum(t["multipliers"] for t in told)
        return sum(t["macs"] - (0 if padding else t["padding"]) for t in told) / places

    @property
    def met(self) -> bool:
        """Whether it is as good as wanted."""
        quick = self.model != "resnet8" or self.seconds < MOST_SECONDS
        return self.average >= LEAST_AVERAGE and quick

    def summary(self) -> list[str]:
        """Returns the row of the first table."""
        return [
            self.model,
            f"`{self.device}`",
            f"{self.report.cycles_per_frame:,}",
            f"{self.average:.1%}",
            f"{self.whole(padding=True):.1%}",
            f"{self.whole(padding=False):.1%}",
            f"{self.seconds:.1f} s",
            "yes" if self.met else "NO",
        ]

    def rows(self) -> Iterator[list[str]]:
        """Yields a row for each convolution."""
        for layer in self.convolutions:
            told = layer.products
            fewer = told["fewer"]
            words = "none"
            if fewer is not None:
                words = f"{fewer['multipliers']} multipliers: {fewer['cycles']:,} cycles"
            yield [
                f"`{layer.name}`",
                f"{told['macs']:,}",
                str(told["multipliers"]),
                f"{layer.cycles:,}",
                f"{told['efficiency']:.1%}",
                f"{told['efficiency'] - told['useful']:.1%}",
                f"{1 - told['efficiency']:.1%}",
                words,
            ]


def measure(name: str, device: str) -> Result:
    """Compiles a model for a device, and times the search for its folding."""
    options = Options(device=device)
    path = MODELS / "mlperf_tiny" / f"{name}_int8.onnx"
    module = import_model(path, options)
    passes = list(pipelines.DEFAULT)
    run_passes(module, passes[: passes.index("select-folding")])
    gc.disable()  # as in `qcc`
    start = time.process_time()
    run_passes(module.clone(), [make_pass("select-folding", {"device": device})])
    seconds = time.process_time() - start
    design = compile_module(import_model(path, options), options)
    gc.enable()
    return Result(name, device, design.report(), seconds)


_TEXT = """\
# Use of multipliers

Made by `python -m benchmarks.mac_efficiency --write-docs`; do not edit.

Multiply-accumulate operations of a frame over multipliers times cycles a frame in steady state, at
the folding that `qcc compile --device` chooses. [steady_state.md](steady_state.md) shows that the
hardware takes as many cycles as its slowest process. Wanted: {least:.0%} on average over the
convolutions, and a search for resnet8 within {seconds:g} s (of processor time). "All products"
weighs layers by their multipliers; "without padding" leaves out products with the padding of
images.

{summary}

Where the rest goes: a layer that does not use all of its multipliers all the time waits for the
slowest one. The last column says what the fastest folding with fewer multipliers would take;
between, no factors are legal: PE divides the outputs, SIMD the inputs of a window. Where that would
still be fast enough, it costs more elsewhere: as many requantizers as PE stand behind a layer.

{tables}
"""


def page(results: list[Result]) -> str:
    """Returns docs/mac_efficiency.md."""
    parts: list[str] = []
    for result in results:
        parts.append(f"## {result.model} on {result.device}")
        parts.append(f"{result.report.cycles_per_frame:,} cycles a frame.")
        parts.append(markdown(_COLUMNS, list(result.rows())))
    return _TEXT.format(
        least=LEAST_AVERAGE,
        seconds=MOST_SECONDS,
        summary=markdown(_SUMMARY, [result.summary() for result in results]),
        tables="\n\n".join(parts),
    )


def _saved(result: Result) -> dict[str, Any]:
    return {
        "model": result.model,
        "device": result.device,
        "seconds": result.seconds,
        "average": result.average,
        "cycles": result.report.cycles_per_frame,
        "layers": {layer.name: layer.products for layer in result.convolutions},
    }


def main() -> int:
    """Compiles each for each; exit status 1 if one is less than wanted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write-docs", action="store_true", help="write docs/mac_efficiency.md")
    parsed = parser.parse_args()
    results = [measure(name, device) for name in NAMES for device in DEVICES]
    for result in results:
        print_table(f"{result.model}, {result.device}", _COLUMNS, list(result.rows()))
    print_table("use of multipliers", _SUMMARY, [result.summary() for result in results])
    save_results("mac_efficiency", [_saved(result) for result in results])
    if parsed.write_docs:
        _PAGE.write_text(page(results), encoding="utf-8")
    return int(not all(result.met for result in results))


if __name__ == "__main__":
    sys.exit(main())
