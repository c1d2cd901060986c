"""qcc explore: runs, what they keep, reports, and a page of ten thousand points in a browser."""

import csv
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from browser import browser, pages
from cli_runner import qcc, saved_mlp

import qcompiler
from qcompiler.errors import ModelError
from qcompiler.exploration.page import build_page
from qcompiler.exploration.points import Point, points_of
from qcompiler.exploration.store import open_store

SPACE = """
models = ["net.onnx"]
[options]
cycles = [1, 4]
device = ["ecp5-25k", "u280"]
"""
HOSTILE = "</script><img src=x onerror=\"window.hacked='${1}'\"><b>&amp;{{7*7}}=cmd()"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a space, and a store in which half of it is explored."""
    made = tmp_path_factory.mktemp("explored")
    saved_mlp(made)
    (made / "space.toml").write_text(SPACE)
    (made / "half.toml").write_text(SPACE.replace("[1, 4]", "4"))
    return made


def run(capfd, folder, space, *options):
    return qcc(capfd, "explore", folder / space, "--store", folder / "s.sqlite", *options)


def report(capfd, folder, *options):
    return qcc(capfd, "explore", "report", "--store", folder / "s.sqlite", *options)


def test_a_run_goes_on_where_it_was_and_equals_compile(folder, capfd):
    first = run(capfd, folder, "half.toml", "--jobs", "2", "--json")
    assert first.status == 0
    assert json.loads(first.out)["ran"] == 2
    planned = json.loads(run(capfd, folder, "space.toml", "--plan", "--json").out)
    assert (planned["designs"], planned["known"], planned["to_run"]) == (4, 2, 2)
    assert planned["seconds"][0] <= planned["seconds"][1]
    second = run(capfd, folder, "space.toml", "--jobs", "2", "--json")
    found = json.loads(second.out)
    assert (found["ran"], found["known"]) == (2, 2)
    assert found["states"] == {"done": 4}
    assert "4 of 4 trials" in second.words
    again = run(capfd, folder, "space.toml", "--jobs", "1")
    assert "0 trials in" in again.words
    for point in found["points"][:2]:
        words = point["command"].split()
        compiled = qcc(capfd, *words[1:], "-o", folder / "design", "--json")
        files = json.loads(compiled.out)
        used = files["estimate_layer_resources.json"]["total"]
        assert point["measures"]["luts"] == used["LUT"]
        performance = files["estimate_network_performance.json"]
        assert point["measures"]["rate"] == performance["estimated_throughput_fps"]


def test_reports(folder, capfd):
    run(capfd, folder, "space.toml", "--jobs", "2")
    assert "4 done" in report(capfd, folder).out
    told = json.loads(report(capfd, folder, "--json").out)
    assert len(told["points"]) == 4
    assert set(told["front"]) <= {point["key"] for point in told["points"]}
    assert report(capfd, folder, "--csv", folder / "r.csv", "--html", folder / "r.html").status == 0
    rows = list(csv.DictReader(io.StringIO((folder / "r.csv").read_text())))
    assert [row["key"] for row in rows] == [point["key"] for point in told["points"]]
    assert {row["options.cycles"] for row in rows} == {"1", "4"}
    merged = qcc(
        capfd, "explore", "merge", folder / "s.sqlite", "--store", folder / "m.sqlite", "--json"
    )
    assert list(json.loads(merged.out)["taken"].values()) == [4]


def test_wrong_usage(folder, capfd):
    for words, said in (
        (["report", "--jobs", "2"], "--jobs has no effect with report"),
        (["report", "--all", "--json"], "--all has no effect with --json"),
        (["merge"], "merge needs the stores to take over"),
        (["merge", "a", "--csv", "b"], "--csv has no effect with merge"),
        (["s.toml", "--html", "b"], "--html has no effect without report"),
        (["s.toml", "--plan", "--retry"], "--retry has no effect with --plan"),
        (["s.toml", "--scheduler", "a", "--jobs", "2"], "--jobs has no effect with --scheduler"),
    ):
        result = qcc(capfd, "explore", *words)
        assert (result.status, said in result.words) == (2, True), result.words
    missing = qcc(capfd, "explore", "report", "--store", folder / "absent.sqlite")
    assert (missing.status, "does not exist" in missing.words) == (1, True)


def test_what_is_missing_is_one_line(folder, capfd, monkeypatch):
    from qcompiler.exploration import search, workers

    monkeypatch.setattr(workers, "find_spec", lambda name: None)
    monkeypatch.setattr(search, "find_spec", lambda name: None)
    (folder / "search.toml").write_text(f"{SPACE}\n[search]\ntrials = 3\n")
    for space in ("space.toml", "search.toml"):
        result = run(capfd, folder, space)
        assert result.status == 1
        assert "pip install 'qcompiler-hdl[explore]'" in result.words


def test_a_search_looks_at_as_many_as_it_may(folder, capfd):
    run(capfd, folder, "space.toml", "--jobs", "2")
    (folder / "search.toml").write_text(f"{SPACE}\n[search]\ntrials = 3\n")
    found = json.loads(run(capfd, folder, "search.toml", "--jobs", "2", "--json").out)
    assert (found["ran"], found["known"], len(found["points"])) == (0, 3, 3)
    (folder / "search.toml").write_text(f"{SPACE}\n[search]\ntrials = 50\n")
    found = json.loads(run(capfd, folder, "search.toml", "--jobs", "2", "--json").out)
    assert (found["known"], len(found["points"])) == (4, 4)


def test_an_interrupted_run_keeps_what_it_has(folder, tmp_path):
    saved_mlp(tmp_path)
    (tmp_path / "slow.py").write_text("import time\ntime.sleep(1)\n")
    (tmp_path / "s.toml").write_text('plugins = ["slow.py"]\n' + SPACE)
    command = [sys.executable, "-m", "qcompiler.cli.main", "explore", "s.toml", "--jobs", "1"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    store, deadline = tmp_path / "explore.sqlite", time.monotonic() + 120
    while ended(store) < 1 and time.monotonic() < deadline:
        time.sleep(0.3)
    os.kill(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGINT
    assert told.endswith("interrupted\n")
    assert "Traceback" not in told
    with open_store(store) as opened:
        trials = opened.trials()
    assert 1 <= len(trials) < 4
    assert {trial.state for trial in trials} == {"done"}, "no claim is left"


def test_two_runs_on_one_store_share_the_work(folder, tmp_path):
    space = {"models": [str(folder / "net.onnx")], "options": {"cycles": [1, 4]}}
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(qcompiler.explore, space, tmp_path / "s.sqlite") for _ in range(2)]
        found = [run.result() for run in runs]
    assert [run.counts for run in found] == [{"done": 2}] * 2
    assert sum(run.ran for run in found) == 2


def ended(store):
    """How many trials a store has, which may not be made yet."""
    try:
        with open_store(store) as opened:
            return sum(trial.state != "running" for trial in opened.trials())
    except (ModelError, sqlite3.Error):  # it is just being made
        return 0


@pytest.fixture(scope="module")
def chromium():
    with browser() as running:
        yield running


def many(number):
    """As many points, on fronts of three devices."""
    for index in range(number):
        cycles, luts = 1 + index % 997, 100 + (index * 7919) % 100_003
        measures = {"rate": 1e8 / cycles, "luts": luts, "latency": cycles / 50, "cycles": cycles}
        options = {"device": f"part-{index % 3}", "cycles": cycles, "requantizer": "auto"}
        state = "refused" if index % 97 == 0 else "done"
        yield Point(
            f"{index:064x}", "design", state, "m.onnx", options, ("estimate",),
            measures if state == "done" else {"seconds": 1.0}, "", f"qcc compile m.onnx {index}",
            "too large" if state == "refused" else "", "host",
        )  # fmt: skip


def test_ten_thousand_points_in_a_browser(chromium, tmp_path):
    (tmp_path / "r.html").write_text(build_page(list(many(10_000)), "s.sqlite"))
    with pages(chromium) as opened:
        page = opened(tmp_path / "r.html")
        assert page.locator("#pager").inner_text().startswith("10,000 points")
        assert "9,896 done, 104 refused" in page.locator("#facts").inner_text()
        page.locator("#table tbody tr").first.click()
        assert page.locator("#command").inner_text().startswith("qcc compile m.onnx ")
        told = page.locator("#details").inner_text().split("\n")
        assert told[told.index("--cycles") + 1] == "1"
        assert told[told.index("rate") + 1] == "100,000,000 frames/s"
        page.locator("#filters label", has_text="part-1").locator("input").uncheck()
        assert page.locator("#pager").inner_text().startswith("6,667 points")
        page.get_by_label("at most luts").fill("150")
        shown = page.eval_on_selector_all("#table td.number:nth-child(6)", "c => c.length")
        assert 0 < shown < 50
        box = page.locator("#chart").bounding_box()
        assert box["width"] > 300
        assert box["height"] > 200


def test_nothing_of_a_model_runs_on_the_page(chromium, tmp_path):
    point = Point(
        HOSTILE, "design", "done", HOSTILE, {HOSTILE: HOSTILE, "device": HOSTILE}, (HOSTILE,),
        {"rate": 1.0, "luts": 1, "latency": 1.0}, "", HOSTILE, HOSTILE, HOSTILE,
    )  # fmt: skip
    (tmp_path / "r.html").write_text(build_page([point], HOSTILE))
    with pages(chromium) as opened:
        page = opened(tmp_path / "r.html")
        page.locator("#table tbody tr").first.click()
        assert page.locator("#command").inner_text() == HOSTILE
        assert page.evaluate("window.hacked") is None
        assert page.locator("img").count() == 0


def test_an_empty_store_has_a_page(chromium, tmp_path):
    with open_store(tmp_path / "s.sqlite", make=True) as store:
        page_text = build_page(points_of(store.trials()), "s.sqlite")
    (tmp_path / "r.html").write_text(page_text)
    with pages(chromium) as opened:
        assert opened(tmp_path / "r.html").locator("#pager").inner_text().startswith("0 points")
