"""Compares the depths of size-fifos with the smallest ones that keep throughput, found by search.

Depths are tried in a cycle-accurate simulator of tokens (`benchmarks/token_simulator.py`), which
gives the cycles of the RTL; `--verify` shows that in Verilator. From our depths each FIFO shrinks
by bisection, the others fixed, until none can; several orders are tried, and the smallest counts.
`--write-docs` writes docs/fifo_sizing.md.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import MODELS, REPOSITORY, markdown, print_table, save_results
from benchmarks.steady_state import simulate
from benchmarks.token_simulator import UNBOUNDED, TokenSimulator
from qcompiler import compile as compile_model
from qcompiler.analysis.network import Network
from qcompiler.design import Design
from qcompiler.dialects import stream
from qcompiler.passes.pipeline import make_pass, run_passes

CASES: tuple[tuple[str, Path], ...] = (
    ("digits_cnn", REPOSITORY / "examples" / "digits_cnn" / "digits_cnn_qonnx.onnx"),
    ("resnet8", MODELS / "mlperf_tiny" / "resnet8_int8.onnx"),
)
MOST_RATIO, MOST_SECONDS = 1.2, 10.0
PACES = {
    "digits_cnn": (64, 128, 200, 300, 1000, 2304),
    "resnet8": (4096, 9216, 18432, 73728, 147456),
}
"""Other foldings, of which only the pace is looked at: wanted cycles per frame."""
_FRAMES = 4
"""Simulated, for each that is under way at once; the later half of them counts."""
_PAGE = REPOSITORY / "docs" / "fifo_sizing.md"


class Search:
    """Looks for depths that keep the pace that unbounded ones have.

    A FIFO that holds some frames lets as many through before it holds one back, and then again: the
    pace is that of many more frames than are under way at once.
    """

    def __init__(self, simulator: TokenSimulator):
        self.simulator = simulator
        self.count = len(simulator.depths)
        self.runs = 0
        self.frames = _FRAMES * (simulator.latency // simulator.period + 1)
        free = simulator.run([UNBOUNDED] * self.count, self.frames)
        self.pace = self.mean(free)
        self.limit = free[-1] + self.frames * simulator.period

    def mean(self, ends: Sequence[int]) -> float:
        """Returns the cycles from frame to frame in the later half of them; inf if some lack."""
        half = self.frames // 2
        return (ends[-1] - ends[-1 - half]) / half if len(ends) == self.frames else float("inf")

    def measure(self, depths: Sequence[int]) -> float:
        """Returns the cycles from frame to frame; inf if they stop."""
        self.runs += 1
        return self.mean(self.simulator.run(depths, self.frames, self.limit))

    def keeps_pace(self, depths: Sequence[int]) -> bool:
        """Whether frames come as fast as with unbounded FIFOs."""
        return self.measure(depths) <= self.pace

    def shrink(self, depths: Sequence[int], order: Sequence[int]) -> list[int]:
        """Returns depths of which none can be less while the others stay."""
        found, before = list(depths), None
        while found != before:
            before = list(found)
            for index in order:
                found[index] = self._least(found, index)
        return found

    def _least(self, depths: list[int], index: int) -> int:
        def works(depth: int) -> bool:
            return self.keeps_pace([*depths[:index], depth, *depths[index + 1 :]])

        low, high = -1, depths[index]  # high works, low does not
        if high and not works(high - 1):
            return high
        high = max(0, high - 1)
        while high - low > 1:
            middle = (low + high) // 2
            if works(middle):
                high = middle
            else:
                low = middle
        return high


def sizing_seconds(design: Design) -> float:
    """Returns how long size-fifos takes on a network without FIFOs."""
    module = design.level("stream").clone()
    network = Network.of(module)
    assert network is not None
    for process in network.processes:
        if isinstance(process, stream.FifoOp):
            process.result.replace_all_uses_with(process.input)
            process.detach()
            process.erase()
    start = time.perf_counter()
    run_passes(module, [make_pass("size-fifos")])
    return time.perf_counter() - start


def measure(name: str, path: Path, cycles: int | None, verify: bool) -> dict[str, Any]:
    """Sizes, searches, and compares; in Verilator, too, if asked for."""
    design = compile_model(path, cycles=cycles)
    simulator = TokenSimulator(design.network)
    search = Search(simulator)
    ours = simulator.depths
    widths = np.array([fifo.input_channel.width_bits for fifo in simulator.fifos], np.int64)
    found: dict[str, Any] = {"model": name, "cycles": cycles, "folding": simulator.period}
    found["unbounded"], found["measured"] = search.pace, search.measure(ours)
    found["seconds"] = sizing_seconds(design)
    by_bits = sorted(range(len(ours)), key=lambda i: -ours[i] * int(widths[i]))
    orders = [by_bits, by_bits[::-1], list(range(len(ours))), list(range(len(ours)))[::-1]]
    unique = [list(order) for order in dict.fromkeys(map(tuple, orders))]
    start = time.perf_counter()
    tried = [search.shrink(ours, order) for order in unique] if search.keeps_pace(ours) else [ours]
    least = min(tried, key=sum)
    found |= {"ours": ours, "least": least, "search_seconds": time.perf_counter() - start}
    found["ours_bits"], found["least_bits"] = (
        int((np.array(depths) * widths).sum()) for depths in (ours, least)
    )
    found["ratio"] = sum(ours) / max(1, sum(least))
    found["runs"] = search.runs
    if verify:
        rtl, latency, wrong = simulate(design, 4)
        ends = simulator.run(ours, 4)
        found["rtl"] = rtl
        simulated = (ends[-1] - ends[0]) / 3
        found["alike"] = rtl == simulated and latency == ends[0] and not wrong
    full = found["measured"] == found["unbounded"]
    found["met"] = found["ratio"] <= MOST_RATIO and found["seconds"] <= MOST_SECONDS and full
    return found


def paces(name: str, path: Path) -> list[list[str]]:
    """Returns rows of `_PACE_COLUMNS` for other foldings."""
    rows: list[list[str]] = []
    for cycles in PACES[name]:
        simulator = TokenSimulator(compile_model(path, cycles=cycles).network)
        search = Search(simulator)
        ours, depths = search.measure(simulator.depths), ", ".join(map(str, simulator.depths))
        met = "yes" if ours == search.pace else "NO"
        rows.append([name, str(simulator.period), f"{search.pace:g}", f"{ours:g}", depths, met])
    return rows


_PACE_COLUMNS = ["model", "folding", "cycles, unbounded", "cycles, ours", "depths", "met"]
_COLUMNS = [
    "model", "folding", "cycles, unbounded", "cycles, ours", "in Verilator", "size-fifos s",
    "depth, ours", "depth, least", "ratio", "bits, ours", "bits, least", "met",
]  # fmt: skip


def _row(found: dict[str, Any]) -> list[str]:
    rtl = f"{found['rtl']:g}" + ("" if found["alike"] else " (differs)") if "rtl" in found else "-"
    return [
        found["model"],
        str(found["folding"]),
        f"{found['unbounded']:g}",
        f"{found['measured']:g}",
        rtl,
        f"{found['seconds']:.2f}",
        str(sum(found["ours"])),
        str(sum(found["least"])),
        f"{found['ratio']:.2f}",
        str(found["ours_bits"]),
        str(found["least_bits"]),
        "yes" if found["met"] else "NO",
    ]


_TEXT = """\
# FIFO sizes

Written by `python -m benchmarks.fifo_sizing --verify --write-docs`; do not edit.

Depths of `size-fifos` against the smallest that keep the pace of unbounded FIFOs. `folding` is what
the slowest process needs; `cycles` are a frame's in steady state, simulated token by token, and `in
Verilator` the same with our depths. Depths are in beats. The least is a local one: no single FIFO
can be less; the best of up to four orders of bisection from our depths. Wanted: at most {ratio:g}
times the least, in less than {seconds:g} s, and the pace of unbounded FIFOs.

{table}

Depth by depth, in the network's order:

{depths}

At other foldings, the pace with our depths and with unbounded ones:

{paces}
"""


def main() -> int:
    """Measures all cases; exit status 1 if one misses what is wanted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--verify", action="store_true", help="compare cycles with Verilator")
    parser.add_argument("--only", help="one model")
    parser.add_argument("--cycles", type=int, help="another folding")
    parser.add_argument("--write-docs", action="store_true", help="write docs/fifo_sizing.md")
    parsed = parser.parse_args()
    results: list[dict[str, Any]] = []
    others: list[list[str]] = []
    for name, path in CASES:
        if parsed.only in (None, name):
            results.append(measure(name, path, parsed.cycles, parsed.verify))
            print(" | ".join(_row(results[-1])), flush=True)
            others += paces(name, path)
    rows = [_row(found) for found in results]
    depths = [
        [found["model"], *(", ".join(map(str, found[key])) for key in ("ours", "least"))]
        for found in results
    ]
    print_table("size-fifos", _COLUMNS, rows)
    print_table("depths", ["model", "ours", "least"], depths)
    print_table("pace at other foldings", _PACE_COLUMNS, others)
    save_results("fifo_sizing", results)
    if parsed.write_docs:
        table, list_ = markdown(_COLUMNS, rows), markdown(["model", "ours", "least"], depths)
        pace = markdown(_PACE_COLUMNS, others)
        text = _TEXT.format(
            ratio=MOST_RATIO, seconds=MOST_SECONDS, table=table, depths=list_, paces=pace
        )
        _PAGE.write_text(text, encoding="utf-8")
    return int(not all(found["met"] for found in results) or any("NO" in row for row in others))


if __name__ == "__main__":
    sys.exit(main())
