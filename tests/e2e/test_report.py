"""report.html, in a real browser: what it shows, that it is renewed, that no model's text runs."""

import json
import re
from pathlib import Path

import pytest
from browser import browser, pages
from cli_runner import qcc, saved_mlp, small_mlp
from onnx_models import save

import qcompiler

EXAMPLES = Path(__file__).parents[2] / "examples"
SHARED = Path(__file__).parents[3] / "shared" / "models"
RESNET = SHARED / "mlperf_tiny" / "resnet8_int8.onnx"
HOSTILE = "</style></title><img src=x onerror=\"window.hacked='${1}'\"><b>&amp;"


@pytest.fixture(scope="module")
def chromium():
    with browser() as running:
        yield running


@pytest.fixture
def opened(chromium):
    with pages(chromium, script=False) as open_page:
        yield open_page


@pytest.fixture(scope="module")
def cnn(tmp_path_factory):
    model = EXAMPLES / "digits_cnn" / "digits_cnn_qonnx.onnx"
    design = qcompiler.compile(model, cycles=600)
    return design, design.write(tmp_path_factory.mktemp("cnn") / "design")


def texts(page, selector):
    return page.eval_on_selector_all(selector, "all => all.map(one => one.textContent)")


def widths(page, selector):
    return page.eval_on_selector_all(
        selector, "all => all.map(one => one.getBoundingClientRect().width)"
    )


def test_cycles_are_bars_and_the_slowest_is_marked(cnn, opened):
    design, directory = cnn
    report = design.report()
    page = opened(directory / "report.html")
    assert texts(page, "#cycles .name") == [layer.name for layer in report.layers]
    drawn = widths(page, "#cycles rect")
    for width, layer in zip(drawn, report.layers, strict=True):
        assert width == pytest.approx(max(drawn) * layer.cycles / report.cycles_per_frame, abs=1)
    slow = [layer.name for layer in report.layers if layer.cycles == report.cycles_per_frame]
    assert report.bottleneck in slow
    mark = "the bottleneck" if len(slow) == 1 else "a bottleneck"
    marked = [f"{name}{report.cycles_per_frame}, {mark}" for name in slow]
    assert texts(page, "#cycles .slow") == marked
    colours = page.eval_on_selector_all(
        "#cycles rect", "all => all.map(one => getComputedStyle(one).fill)"
    )
    slowest = [layer.name for layer in report.layers].index(report.bottleneck)
    assert colours.count(colours[slowest]) == len(slow)


def test_all_layers_with_widths_fifos_and_resources(cnn, opened):
    design, directory = cnn
    report = design.report()
    page = opened(directory / "report.html")
    assert len(texts(page, "#layers tbody tr")) == len(texts(page, "#widths .line"))
    bits = [layer.element["bits"] for layer in report.layers]
    drawn = widths(page, "#widths rect")
    assert drawn == pytest.approx([max(drawn) * b / max(bits) for b in bits], abs=1)
    depths = [layer.detail["depth"] for layer in report.layers if layer.kind == "fifo"]
    assert [int(row) for row in texts(page, "#fifos td:nth-child(4)")] == depths
    assert depths
    told = "".join(texts(page, "#resources .line"))
    for layer in report.layers:
        assert layer.name in told or not any(layer.area.values())
    assert "Not measured yet" in page.locator("#measured").inner_text()


def test_shares_of_multipliers_add_up(cnn, opened):
    design, directory = cnn
    page = opened(directory / "report.html")
    rows = [layer for layer in design.report().layers if layer.products]
    shown = [re.sub("[ %]", "", share) for share in texts(page, "#products td:nth-child(3)")]
    waits = [re.sub("[ %]", "", share) for share in texts(page, "#products td:nth-child(5)")]
    for layer, share, rest in zip(rows, shown, waits, strict=True):
        assert float(share) + float(rest) == pytest.approx(100, abs=0.11)
        assert float(share) == pytest.approx(100 * layer.products["efficiency"], abs=0.06)
        assert layer.products["useful"] <= layer.products["efficiency"] <= 1


def test_light_and_dark_and_narrow(cnn, chromium):
    found = {}
    for theme in ("light", "dark"):
        with pages(chromium, script=False, color_scheme=theme) as open_page:
            page = open_page(cnn[1] / "report.html")
            found[theme] = page.evaluate("getComputedStyle(document.body).backgroundColor")
            page.set_viewport_size({"width": 420, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= 420
    assert found["light"] != found["dark"]


def test_text_of_a_hostile_model_is_text(tmp_path, opened):
    network = small_mlp()
    for node in network.graph.node:
        node.name = HOSTILE + (node.name or "")
    network.graph.name = HOSTILE
    directory = qcompiler.compile(save(network, tmp_path)).write(tmp_path / "design")
    page = opened(directory / "report.html")
    assert page.locator("img, script").count() == 0
    assert page.evaluate("window.hacked") is None
    titles = page.eval_on_selector_all("#layers td:nth-child(2) span", "all => all[0].title")
    assert HOSTILE in titles
    # Even markup that got in would not run.
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=hacked=1>')")
    page.wait_for_timeout(100)
    assert page.evaluate("window.hacked") is None
    assert all("Content Security Policy" in words for words in opened.wrong)
    opened.wrong.clear()


@pytest.mark.simulation
def test_measurements_renew_the_page(tmp_path, capfd, opened):
    directory = tmp_path / "design"
    model = saved_mlp(tmp_path)
    assert qcc(capfd, "compile", model, "--device", "ice40-up5k", "-o", directory).status == 0
    page = opened(directory / "report.html")
    assert "qcc verify DIR" in page.locator("#measured .note").inner_text()
    assert qcc(capfd, "verify", directory, "--vectors", "20").status == 0
    page = opened(directory / "report.html")
    told = page.locator("#summary").inner_text()
    assert "40 frames of the Verilog in verilator" in told
    assert "verify" not in page.locator("#measured .note").inner_text()
    run = json.loads((directory / "report" / "rtlsim_performance.json").read_text())
    row = page.locator("#measured tr", has_text="latency").inner_text().split("\t")
    assert row[3] == str(run["runs"][0]["latency_cycles"])
    assert qcc(capfd, "synth", directory, "--device", "ice40-up5k").status == 0
    page = opened(directory / "report.html")
    assert page.locator("#measured .note").count() == 0
    found = json.loads((directory / "report" / "synthesis_ice40-up5k.json").read_text())
    row = page.locator("#measured tr", has_text="LUT").inner_text().split("\t")
    assert row[2:4] == [f"{found['estimate']['LUT']:,}", f"{found['total']['LUT']:,}"]
    assert page.locator("#resources rect.over").count() >= 3


@pytest.mark.skipif(not RESNET.exists(), reason="the shared models are not here")
def test_resnet8_is_small(tmp_path, opened):
    directory = qcompiler.compile(RESNET, cycles=50000).write(tmp_path / "design")
    assert (directory / "report.html").stat().st_size < 500_000
    page = opened(directory / "report.html")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1400
    assert page.locator("#layers tbody tr").count() > 40
