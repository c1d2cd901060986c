"""Both pages on a screen 390 pixels wide, and what the report says of where a design comes from."""

import hashlib
import json
from pathlib import Path

import pytest
from browser import browser, pages
from cli_runner import qcc, saved_mlp

import qcompiler
from qcompiler.frontends.onnx import parse_input_option
from qcompiler.options import Options
from qcompiler.origin import Origin

EXAMPLES = Path(__file__).parents[2] / "examples"
MODEL = EXAMPLES / "digits_cnn" / "digits_cnn_qdq.onnx"
PLACES = ("graph", "ir", "ir/22-convert-stream-to-rtl/40", "diff", "widths", "verilog")


@pytest.fixture(scope="module")
def chromium():
    with browser() as running:
        yield running


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    out = tmp_path_factory.mktemp("phone") / "out"
    design = qcompiler.compile(MODEL, cycles=1600)
    return design, design.write(out)


@pytest.fixture(scope="module")
def viewed(tmp_path_factory):
    from qcompiler.cli.main import main

    out = tmp_path_factory.mktemp("viewed") / "out"
    words = ["compile", str(MODEL), "--cycles", "1600", "--print-ir-after", "all", "-o", str(out)]
    assert main(words) == 0
    assert main(["view", str(out)]) == 0
    return out


@pytest.fixture
def phone(chromium):
    """A function that opens pages on a phone; the second argument is a place in it."""
    options = {"has_touch": True, "is_mobile": True}

    def opened(path, place="", script=True):
        with pages(chromium, script=script, **options) as open_page:
            page = open_page(path, place)
            page.set_viewport_size({"width": 390, "height": 844})
            page.wait_for_timeout(50)
            yield page

    return opened


def sizes(page, selector):
    """Width and height of what is in sight."""
    return page.eval_on_selector_all(
        selector,
        "all => all.map(one => one.getBoundingClientRect()).filter(box => box.width)"
        ".map(box => [box.width, box.height])",
    )


@pytest.mark.parametrize("place", PLACES)
def test_the_view_fits_and_can_be_touched(viewed, phone, place):
    for page in phone(viewed / "view.html", place):
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        touched = sizes(page, "nav a, button, select")
        assert min(height for _, height in touched) >= 40
        (main,) = sizes(page, "main")
        assert main[1] > 600
        for width, _ in sizes(page, ".lines, .stage, .details, .chart"):
            assert 300 <= width <= 390


def test_the_report_fits_and_its_tables_scroll(viewed, phone):
    for page in phone(viewed / "report.html", script=False):
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        assert min(height for _, height in sizes(page, "nav a")) >= 40
        assert all(width <= 390 for width, _ in sizes(page, ".wide, .bars, .tiles, dl, code"))
        scrolls = "all => all.map(one => one.scrollWidth > one.clientWidth)"
        assert any(page.eval_on_selector_all(".wide", scrolls))
        # No name is cut short for want of a column.
        cut = page.eval_on_selector_all(
            "#resources .name, #cycles .name",
            "all => all.filter(one => one.scrollWidth > one.clientWidth).length",
        )
        assert cut == 0


def test_difference_opens_on_a_step_that_changes_something(chromium, tmp_path, capfd):
    out = tmp_path / "out"
    path = saved_mlp(tmp_path)
    qcc(capfd, "compile", path, "-o", out, "--print-ir-after", "all")
    # Two steps that change nothing come first.
    for name in ("01-fold-constants", "02-find-integers"):
        (out / "ir" / f"{name}.mlir").write_text((out / "ir" / "nn.mlir").read_text())
    qcc(capfd, "view", out)
    with pages(chromium) as open_page:
        page = open_page(out / "view.html", "diff")
        assert page.get_by_label("from", exact=True).input_value() == "02-find-integers"
        assert "more" in page.locator(".count:visible").inner_text()


def test_the_difference_of_a_single_level(chromium, tmp_path, capfd):
    out = tmp_path / "out"
    qcc(capfd, "compile", saved_mlp(tmp_path), "-o", out)
    for level in ("qint", "stream", "rtl"):
        (out / "ir" / f"{level}.mlir").unlink()
    qcc(capfd, "view", out)
    with pages(chromium) as open_page:
        page = open_page(out / "view.html", "diff")
        assert page.locator(".count:visible").inner_text() == "no difference"


def told(page):
    names, values = (
        page.eval_on_selector_all(f"#origin {tag}", "all => all.map(one => one.textContent)")
        for tag in ("dt", "dd")
    )
    return dict(zip(names, values, strict=True))


def test_the_report_tells_model_hash_command_and_view(viewed, chromium):
    with pages(chromium, script=False) as open_page:
        page = open_page(viewed / "report.html")
        found = told(page)
        assert found["model"] == MODEL.name
        assert found["its SHA-256"] == hashlib.sha256(MODEL.read_bytes()).hexdigest()
        assert found["command"] == f"qcc compile {MODEL.name} --cycles 1600"
        page.locator("nav a", has_text="Inside").click()
        page.wait_for_selector("html[data-ready]")
        page.locator("#report").click()
        assert page.locator("#origin").count() == 1


def test_without_a_view_there_is_no_link(directory, chromium):
    with pages(chromium, script=False) as open_page:
        page = open_page(directory[1] / "report.html")
        assert page.locator("a[href='view.html']").count() == 0
        assert "qcc view" in told(page)["IR at every step"]
        assert told(page)["command"] == f"qcc compile {MODEL.name} --cycles 1600"


def test_totals(directory, chromium):
    design, folder = directory
    report = design.report()
    with pages(chromium, script=False) as open_page:
        page = open_page(folder / "report.html")
        last = page.locator("#layers tfoot th").all_inner_texts()
        assert last[5:] == [f"{n:,}" for n in (report.cycles_per_frame, *report.area.values())]
        line = page.locator("#resources .total .figure").all_inner_texts()
        assert line == [f"{number:,}" for number in report.area.values() if number]
        products = [layer.products for layer in report.layers if layer.products]
        macs = page.locator("#products tfoot th").all_inner_texts()[5]
        assert macs == f"{sum(told['macs'] for told in products):,}"


def test_every_bottleneck_is_marked(directory, chromium):
    design, folder = directory
    report = design.report()
    slow = [x.name for x in report.layers if x.cycles == report.cycles_per_frame]
    assert len(slow) > 1
    with pages(chromium, script=False) as open_page:
        page = open_page(folder / "report.html")
        assert page.locator("#cycles .slow .name").all_inner_texts() == slow


def test_a_design_that_is_read_and_written_keeps_its_origin(directory, tmp_path):
    design, folder = directory
    again = qcompiler.load(folder).write(tmp_path / "again")
    assert qcompiler.load(again).origin == design.origin


@pytest.mark.parametrize("told", [[], {"file": 3}, {"file": "a", "sha256": "b", "command": None}])
def test_an_origin_that_says_nothing_is_none(told):
    assert Origin.read(told) is None


def test_the_command_has_every_option():
    options = Options(
        inputs=dict(map(parse_input_option, ("a b=bipolar:1", "c=int4:0.1:-3"))),
        numerics="exact", fps=0.1, mhz=50.0, max_luts=7, requantizer="shift", start="fold-scales",
        pass_after={"fold-scales": ["canonicalize", lambda module: None], "infer-ranges": "cse"},
    )  # fmt: skip
    origin = Origin.of(MODEL, options, ["my.py"])
    assert origin.command == (
        f"qcc compile {MODEL.name} --input 'a b=bipolar:1' --input c=int4:0.1:-3 "
        "--numerics exact --fps 0.1 --mhz 50 --max-luts 7 --requantizer shift "
        "--pass-after 'fold-scales=canonicalize,<lambda>' --pass-after infer-ranges=cse "
        "--from fold-scales --plugin my.py"
    )


def test_a_design_of_a_module_or_of_before_has_no_origin(directory, tmp_path):
    design, _ = directory
    again = qcompiler.compile(design.level("nn"), cycles=1600).write(tmp_path / "again")
    assert json.loads((again / "design.json").read_text())["origin"] is None
    assert "SHA" not in (again / "report.html").read_text()
