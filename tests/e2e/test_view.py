"""qcc view, in a real browser: what is shown, what clicks do, and that nothing of a model runs."""

import random
from pathlib import Path

import pytest
from browser import browser, pages
from cli_runner import qcc, small_mlp
from onnx_models import save
from written_ir import ir_after

from qcompiler import pipelines
from qcompiler.cli.main import main

EXAMPLES = Path(__file__).parents[2] / "examples"
SHARED = Path(__file__).parents[3] / "shared" / "models"
RESNET = SHARED / "mlperf_tiny" / "resnet8_int8.onnx"
HOSTILE = "</script><img src=x onerror=\"window.hacked='${1}'\"><b>&amp;{{7*7}}"


@pytest.fixture(scope="module")
def chromium():
    with browser() as running:
        yield running


def designed(folder, model, *options):
    out = folder / "design"
    assert main(["compile", str(model), "-o", str(out), "--print-ir-after", "all", *options]) == 0
    assert main(["view", str(out)]) == 0
    return out / "view.html"


@pytest.fixture(scope="module")
def cnn(tmp_path_factory):
    model = EXAMPLES / "digits_cnn" / "digits_cnn_qonnx.onnx"
    return designed(tmp_path_factory.mktemp("cnn"), model, "--cycles", "2304")


@pytest.fixture
def opened(chromium):
    """Opens a page; afterwards, nothing was asked of the network and nothing went wrong."""
    with pages(chromium) as open_page:
        yield open_page


def texts(page, selector):
    return page.eval_on_selector_all(selector, "all => all.map(one => one.textContent)")


def test_a_click_on_a_node_tells_all_of_it(cnn, opened):
    page = opened(cnn)
    page.locator(".node", has_text="vvau").first.click()
    told = page.locator(".details").inner_text()
    for words in (
        "stream.vvau", "2,304", "UINT4 [0, 15]", "INT9 [-255, 195]", "simd",
        "weight values", "ONNX Conv depthwise", "latency",
    ):  # fmt: skip
        assert words in told
    assert "selected" in page.locator(".node", has_text="vvau").first.get_attribute("class")
    page.locator(".details a", has_text="depthwise_vvau.v").first.click()
    assert page.locator(".steps li.active").last.inner_text().startswith("depthwise_vvau")
    page.locator(".row", has_text="module ").last.click()
    assert "Conv depthwise" in page.locator(".summary:visible").inner_text()
    page.locator(".summary:visible a", has_text="stream:").click()
    chosen = page.locator(".row.chosen:visible")
    assert "stream.vvau" in chosen.inner_text()
    chosen.locator(".chip").click()
    assert page.locator(".details h2").inner_text() == "stream.vvau"


def test_scales_and_regions_are_told(cnn, opened):
    page = opened(cnn, "graph/nn")
    page.locator(".node", has_text="dequantize").first.click()
    assert "scale" in page.locator(".details").inner_text()
    page.locator(".node", has_text="conv").first.click()
    told = page.locator(".details").inner_text()
    assert "strides" in told
    assert "constant operand" in told


@pytest.mark.parametrize("level", ["nn", "qint", "stream"])
def test_graphs_are_laid_out_without_overlaps(cnn, opened, level):
    page = opened(cnn, f"graph/{level}")
    count = page.evaluate(f"DATA.graphs['{level}'].nodes.length")
    boxes = page.evaluate(
        "graphTab.current.places.map(p => [p.x - p.width / 2, p.y - p.height / 2,"
        " p.x + p.width / 2, p.y + p.height / 2])"
    )
    assert len(boxes) == count == page.locator(".node").count() > 15
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
    edges = page.evaluate(f"DATA.graphs['{level}'].edges")
    assert all(boxes[start][3] < boxes[end][1] for start, end, *_ in edges), "all lead downwards"


def test_colours_follow_what_is_chosen(cnn, opened):
    page = opened(cnn)
    heat = "getComputedStyle(document.querySelector('.node.measured')).getPropertyValue('--heat')"
    assert page.evaluate(heat) != ""
    assert "2,304" in page.locator(".legend:visible").inner_text()
    page.get_by_label("colour by").select_option("memory bits")
    assert "bits of memory" in page.locator(".legend:visible").inner_text()
    page.get_by_label("colour by").select_option("")
    assert page.locator(".node.measured").count() == 0
    page.get_by_label("Find a node").fill("depthwise")
    assert 0 < page.locator(".node.found").count() < page.locator(".node").count()


def test_ir_folds_and_is_searched(cnn, opened):
    page = opened(cnn, f"ir/{ir_after(cnn.parent / 'ir', 'fuse-requantize').stem}")
    assert texts(page, ".steps a")[:2] == ["import", "fold-constants"]
    assert len(texts(page, ".steps:visible a")) == 1 + len(pipelines.DEFAULT)
    count = "made.get('ir').view.list.rows.length"
    rows = page.evaluate(count)
    page.locator(".row", has_text="qint.requantize").first.locator(".fold").click()
    assert page.evaluate(count) < rows
    assert "… }" in page.locator(".row", has_text="qint.requantize").first.inner_text()
    page.get_by_role("button", name="unfold").click()
    assert page.evaluate(count) == rows
    page.get_by_role("button", name="fold", exact=True).click()
    assert page.evaluate(count) < 10
    page.get_by_label("Search").fill("qint.join")
    assert page.locator(".hit").first.inner_text() == "qint.join"
    assert page.locator(".count:visible").inner_text() == "1 of 1 lines"
    page.locator(".steps a", has_text="select-requantizer").click()
    assert page.locator(".count:visible").inner_text() == "0 of 0 lines"
    assert page.url.endswith("#ir/13-select-requantizer")
    assert page.locator(".row .t-op").count() > 10


def test_the_difference_between_any_two_steps(cnn, opened):
    page = opened(cnn, "diff/12-split-host/13-select-requantizer")
    assert page.locator(".dless", has_text="qint.requantize").count() > 0
    assert page.locator(".dmore", has_text="qint.mul_shift").count() > 0
    page.locator(".gap").first.click()
    assert page.locator(".dsame").first.inner_text().startswith("1")
    page.get_by_label("from", exact=True).select_option("nn")
    page.get_by_label("to", exact=True).select_option("22-convert-stream-to-rtl")
    assert "more" in page.locator(".count:visible").inner_text()
    page.get_by_label("from", exact=True).select_option("22-convert-stream-to-rtl")
    assert page.locator(".count:visible").inner_text() == "no difference"


def test_edits_make_one_text_of_the_other(cnn, opened):
    page = opened(cnn)
    rng = random.Random(0)
    for _ in range(60):
        a, b = ([rng.choice("abcd") for _ in range(rng.randrange(25))] for _ in range(2))
        rows = page.evaluate("([a, b]) => edits(a, b)", [a, b])
        assert [a[i] for kind, i, _ in rows if kind != "+"] == a
        assert [b[j] for kind, _, j in rows if kind != "-"] == b
        assert all(a[i] == b[j] for kind, i, j in rows if kind == "=")
        kept = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]  # longest common subsequences
        for i, x in enumerate(a):
            for j, y in enumerate(b):
                kept[i + 1][j + 1] = (
                    kept[i][j] + 1 if x == y else max(kept[i][j + 1], kept[i + 1][j])
                )
        assert sum(kind == "=" for kind, *_ in rows) == kept[-1][-1]


def test_widths_before_and_after_inference(cnn, opened):
    page = opened(cnn, "widths")
    assert (
        "150 bits after inference · 165 before it" in page.locator(".summary:visible").inner_text()
    )
    assert "20 → 18 of 20" in texts(page, ".bits")
    page.locator(".chart a", has_text="depthwise").click()
    assert page.locator(".details h2").inner_text() == "qint.conv"


def test_light_and_dark(cnn, opened):
    page = opened(cnn)
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(colour)
    page.locator("#theme").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate(colour) != light


def test_text_of_a_hostile_model_is_text(tmp_path, opened, capfd):
    network = small_mlp()
    network.graph.node[2].name = HOSTILE
    network.graph.name = HOSTILE
    path = save(network, tmp_path).rename(tmp_path / "a<img src=x onerror=alert(1)>.onnx")
    file = designed(tmp_path, path)
    text = file.read_text(encoding="utf-8")
    assert "<img" not in text
    head, data = text.split('<script type="application/json"')
    assert HOSTILE not in head
    assert "</" not in data.partition("</script>")[0]
    page = opened(file, "graph/nn")
    page.locator(".node", has_text="matmul").first.click()
    page.locator(".details", has_text="hacked").wait_for()
    assert HOSTILE in page.locator(".details").inner_text()
    for place in ("graph/stream", "ir/nn", "diff", "widths", "verilog"):
        page = opened(file, place)
    assert page.evaluate("window.hacked") is None
    assert page.locator("img").count() == 0
    # Even markup that got in would not run: scripts are named by their hashes.
    wrong = page.evaluate(
        "new Promise(done => { document.addEventListener('securitypolicyviolation', () => done(1));"
        " document.body.append(Object.assign(document.createElement('script'),"
        " {textContent: 'window.hacked = 1'})); setTimeout(() => done(0), 2000); })"
    )
    assert (wrong, page.evaluate("window.hacked")) == (1, None)
    assert "Content Security Policy" in opened.wrong.pop()


def test_a_design_without_the_passes_shows_its_levels(tmp_path, capfd, opened):
    out = tmp_path / "out"
    qcc(capfd, "compile", save(small_mlp(), tmp_path), "-o", out)
    result = qcc(capfd, "view", out, "-o", tmp_path / "page.html")
    assert result.status == 0
    assert "compile with --print-ir-after all" in result.words
    page = opened(tmp_path / "page.html", "ir")
    shown = texts(page, ".steps a")
    assert shown == ["import", "the qint level", "the stream level", "the rtl level"]


def test_what_is_no_design_is_refused(tmp_path, capfd):
    result = qcc(capfd, "view", tmp_path)
    assert (result.status, "is no design" in result.words) == (1, True)
    (tmp_path / "design.json").write_text('{"generator": "qcompiler"}')
    result = qcc(capfd, "view", tmp_path)
    assert (result.status, "compile it again" in result.words) == (1, True)
    assert not (tmp_path / "view.html").exists()


@pytest.mark.skipif(not RESNET.exists(), reason="the shared models are not here")
def test_resnet8_is_small_and_works(tmp_path, opened):
    file = designed(tmp_path, RESNET, "--cycles", "50000")
    assert file.stat().st_size < 5e6
    page = opened(file)
    for level in ("nn", "qint", "stream"):
        page.locator(".tools:visible button", has_text=f"{level}:").click()
        page.locator(".node").nth(5).click()
        assert page.locator(".details h3").count() >= 3
    page.locator(".details a", has_text=".v:").first.click()
    assert page.locator(".row:visible").count() > 20
