"""Measures the page of `qcc view`: its size, how long it takes to open, and to lay out 300 nodes.

Opening is timed in headless Chromium, from the navigation to the first picture of the network, each
time in a fresh context without a cache. Exit status 1 if it is larger or slower than wanted.
"""

import argparse
import random
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import qcompiler
from benchmarks.common import MODELS, REPOSITORY, print_table, save_results
from qcompiler.backends.view import write_page
from qcompiler.compiler import compile_module, import_model
from qcompiler.options import Options

LARGEST_MB = 5.0
LONGEST_SECONDS = 2.0
LAYOUT_NODES = 300
CASES = (
    ("digits_cnn", REPOSITORY / "examples" / "digits_cnn" / "digits_cnn_qonnx.onnx", 2304),
    ("resnet8", MODELS / "mlperf_tiny" / "resnet8_int8.onnx", 50_000),
    ("kws_dscnn", MODELS / "mlperf_tiny" / "kws_dscnn_int8.onnx", 50_000),
)
"""Name, model, cycles a frame."""


def page_of(model: Path, cycles: int, folder: Path) -> tuple[Path, float]:
    """Returns the page of a compiled model with the IR after every pass, and seconds it took."""
    options = Options(cycles=cycles)
    snapshots: dict[str, Any] = {}

    def keep(name: str, module: Any) -> None:
        snapshots[f"{len(snapshots) + 1:02}-{name}"] = module.clone()

    design: qcompiler.Design = compile_module(import_model(model, options), options, [keep])
    design.snapshots = snapshots
    design.write(folder / "design")
    start = time.perf_counter()
    write_page(folder / "design", folder / "view.html")
    return folder / "view.html", time.perf_counter() - start


def seconds_to_open(browser: Any, page: Path, times: int) -> list[float]:
    """Returns how long each opening took."""
    found: list[float] = []
    for _ in range(times):
        context = browser.new_context(viewport={"width": 1400, "height": 900})
        tab = context.new_page()
        start = time.perf_counter()
        tab.goto(page.as_uri())
        tab.wait_for_selector("html[data-ready] .node")
        tab.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
        found.append(time.perf_counter() - start)
        context.close()
    return found


def seconds_to_lay_out(browser: Any, page: Path) -> float:
    """Returns how long the layout of a made-up network of 300 nodes with branches takes."""
    rng = random.Random(0)
    blank = {"op": "stream.mvau", "name": "n", "part": "core", "sources": [], "metrics": {}}
    nodes = [{"id": i, **blank} for i in range(LAYOUT_NODES)]
    edges = [[max(0, i - rng.choice((1, 1, 1, 2, 5))), i, "8x8x8 INT8", 8] for i in range(1, 300)]
    edges += [[i, i + 9, "8x8x8 INT8", 8] for i in range(0, 290, 10)]
    tab = browser.new_page()
    tab.goto(page.as_uri())
    script = "g => { const t = performance.now(); drawGraph(g); return performance.now() - t; }"
    return tab.evaluate(script, {"nodes": nodes, "edges": edges}) / 1e3


def main() -> int:
    """Measures, prints a table, saves the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chromium", default="chromium", help="the browser's program")
    parser.add_argument("--times", type=int, default=5)
    parsed = parser.parse_args()
    from playwright.sync_api import sync_playwright

    rows: list[dict[str, Any]] = []
    with sync_playwright() as driver, tempfile.TemporaryDirectory() as folder:
        program = shutil.which(parsed.chromium)  # None: what `playwright install` put there
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for name, model, cycles in CASES:
            if not model.exists():
                continue
            place = Path(folder) / name
            place.mkdir()
            page, made = page_of(model, cycles, place)
            opened = seconds_to_open(browser, page, parsed.times)
            rows.append(
                {
                    "page": name,
                    "megabytes": page.stat().st_size / 1e6,
                    "seconds_to_make": made,
                    "seconds_to_open": statistics.median(opened),
                    "slowest": max(opened),
                    "seconds_to_lay_out_300": seconds_to_lay_out(browser, page),
                }
            )
        browser.close()
    print_table(
        "qcc view, headless Chromium",
        ("page", "MB", "made in s", "open s (median)", "slowest", "300 nodes s"),
        [[row["page"], *(f"{v:.2f}" for k, v in row.items() if k != "page")] for row in rows],
    )
    save_results("view_page", rows)
    kept = all(r["megabytes"] < LARGEST_MB and r["seconds_to_open"] < LONGEST_SECONDS for r in rows)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
