"""The figures of fully parallel networks: kept by maker, drawn in nanoseconds where routed."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))
from benchmarks.low_latency import Built, Figure, keep
from benchmarks.low_latency_plot import draw, grouped, latency


def kept(path, maker, luts, mhz=None, case="int8_16"):
    built = Built(maker, "top", (Path("a.v"),), 3, 1.0, 100.0)
    keep(path, Figure(case, "ecp5", built, luts, 10, mhz))


def test_a_figure_takes_the_place_of_an_older_one(tmp_path):
    path = tmp_path / "figures.json"
    for luts in (400, 300):
        kept(path, "qcompiler 70 MHz", luts)
    kept(path, "da4ml 0.6.0", 500)
    rows = json.loads(path.read_text())
    assert [(row["made_by"], row["LUT"]) for row in rows] == [
        ("da4ml 0.6.0", 500),
        ("qcompiler 70 MHz", 300),
    ]


def test_latency_is_in_cycles_unless_all_are_routed(tmp_path):
    path = tmp_path / "figures.json"
    kept(path, "qcompiler 70 MHz", 300, 60.0)
    ((_, rows),) = grouped(json.loads(path.read_text())).items()
    assert latency(rows) == ("latency in ns, routed", [50.0])
    kept(path, "da4ml 0.6.0", 500)
    ((_, rows),) = grouped(json.loads(path.read_text())).items()
    assert latency(rows) == ("latency in cycles", [3.0, 3.0])


def test_the_picture_is_the_same_for_the_same_figures(tmp_path):
    path = tmp_path / "figures.json"
    kept(path, "qcompiler 70 MHz", 300)
    kept(path, "alkaid 0.8.2", 500)
    pictures = []
    for name in ("a.svg", "b.svg"):
        draw("int8_16", "ecp5", json.loads(path.read_text()), tmp_path / name)
        pictures.append((tmp_path / name).read_text())
    assert pictures[0] == pictures[1]
    assert "<svg" in pictures[0]
