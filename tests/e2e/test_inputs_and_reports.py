"""What a design takes and shows in Python: inputs, the driver's too; text, tables, pictures."""

import json
import re
import sys
from importlib.util import module_from_spec, spec_from_file_location

import numpy as np
import pytest
from cli_runner import qcc, saved_mlp, small_mlp
from onnx_models import F32, model, node, quant, save

import qcompiler
from qcompiler import ModelError
from qcompiler.analysis.host_part import host_parts


def load_driver(directory):
    spec = spec_from_file_location("driver", directory / "driver" / "driver.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PARAMETERS = {"q_scale": F32(0.5), "q_zero": F32(0), "q_bits": F32(4)}


def _two_inputs(folder):
    nodes = [
        quant("a", "aq"),
        quant("b", "bq"),
        node("Add", ["aq", "bq"], ["s"], name="sum"),
        quant("s", "y"),
    ]
    proto = model(nodes, PARAMETERS, inputs={"a": [1, 4], "b": [1, 4]})
    return save(proto, folder)


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    folder = tmp_path_factory.mktemp("one")
    design = qcompiler.compile(saved_mlp(folder), cycles=4)
    return design, load_driver(design.write(folder / "out"))


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    design = qcompiler.compile(_two_inputs(folder), cycles=4)
    return design, load_driver(design.write(folder / "out"))


def _predict(design, driver):
    """The driver's prediction, with the interpreter for the hardware."""

    def transfer(beats):
        ports = [p for p in driver.PORTS if p["direction"] == "in"]
        given = [
            driver.unpack(b, p["lanes"], p["width_bits"], p["signed"]).reshape(-1, *p["frame"])
            for b, p in zip(beats, ports, strict=True)
        ]
        outs = [p for p in driver.PORTS if p["direction"] == "out"]
        return [
            driver.pack(a.reshape(a.shape[0], -1), p["lanes"], p["width_bits"])
            for a, p in zip(design.core(given), outs, strict=True)
        ]

    return lambda inputs: driver.predict(inputs, transfer)[0]


X = np.random.default_rng(0).normal(0, 2, (3, 4))


@pytest.mark.parametrize(
    "given", [X, [X], (X,), {"x": X}, X.tolist(), X[:, np.newaxis]],
    ids=["array", "list", "tuple", "by name", "numbers", "with the model's axis"],
)  # fmt: skip
def test_one_input(one, given):
    design, driver = one
    expected = design.predict(X)
    np.testing.assert_array_equal(design.predict(given), expected)
    np.testing.assert_array_equal(_predict(design, driver)(given), expected)


@pytest.mark.parametrize("given", [[X, X + 1], (X, X + 1), {"b": X + 1, "a": X}])
def test_two_inputs(two, given):
    design, driver = two
    expected = design.predict({"a": X, "b": X + 1})
    np.testing.assert_array_equal(design.predict(given), expected)
    np.testing.assert_array_equal(_predict(design, driver)(given), expected)


@pytest.mark.parametrize(
    ("which", "given", "words"),
    [
        ("one", [X, X], "the model has 1 inputs, x of shape [batch, 4]; got 2"),
        ("one", X[:, :3], "expected input of shape [4] with a batch axis, got [3, 3]"),
        ("one", {"z": X}, "inputs must be x of shape [batch, 4]; got z"),
        ("one", {}, "got none"),
        ("two", X, "the model has 2 inputs, a of shape [batch, 4]; b of shape [batch, 4]; got 1"),
        ("two", [X], "got 1"),
        ("two", {"a": X}, "inputs must be a of shape [batch, 4]; b of shape [batch, 4]; got a"),
    ],
)
def test_what_was_expected(request, which, given, words):
    design, driver = request.getfixturevalue(which)
    for predict in (design.predict, _predict(design, driver)):
        with pytest.raises(ValueError, match=re.escape(words)):
            predict(given)


def test_names_of_inputs_cannot_leave_their_string(tmp_path):
    name = '"]; import os; os._exit(3)  # \n"""'
    nodes = [quant(name, "xq"), quant("w", "wq"), node("MatMul", ["xq", "wq"], ["y"], name="fc")]
    proto = model(nodes, {**PARAMETERS, "w": F32(np.ones((4, 2)))}, inputs={name: [1, 4]})
    design = qcompiler.compile(save(proto, tmp_path))
    driver = load_driver(design.write(tmp_path / "out"))
    assert design.names("inputs") == driver.INPUTS
    np.testing.assert_array_equal(_predict(design, driver)(X), design.predict(X))


def test_text(one):
    design = one[0]
    assert repr(design).startswith("<Design net: ")
    assert "cycles a frame" in repr(design)
    lines = repr(design.report()).splitlines()
    assert "frames/s at 100 MHz" in lines[0]
    assert lines[1].split() == ["process", "kind", "input", "output", "cycles"]
    assert sum(line.endswith("slowest") for line in lines) == len(design.report().bottlenecks)
    early = qcompiler.compile(design.level("nn"), passes=["fold-constants"])
    assert repr(early) == "<Design net: levels nn, last>"
    assert early._repr_html_() == "<p>&lt;Design net: levels nn, last&gt;</p>"


def test_html_is_escaped(tmp_path):
    proto = small_mlp()
    for item in proto.graph.node:
        item.name = f'<script>alert("{item.name}")</script>&'
    design = qcompiler.compile(save(proto, tmp_path), cycles=4)
    html = design._repr_html_()
    assert html.count("<table>") == 1
    assert "<script" not in html
    assert design.report()._repr_html_() in html
    report = design.report()
    report.host["after"] = report.host["after"].__class__(("add",), ("<b>",), "<b>", "<b>")
    assert "from &lt;b&gt; on" in report._repr_html_()


def test_plots(one):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("agg")
    design = one[0]
    report = design.report()
    figure = design.plot()
    titles = [axes.get_xlabel() for axes in figure.axes]
    assert titles[0] == "cycles a frame"
    assert "LUT, estimated" in titles
    widths = [bar.get_width() for bar in figure.axes[0].patches]
    assert widths == [layer.cycles for layer in report.layers]
    _, axes = pyplot.subplots()
    assert report.plot(axes) is axes
    assert [t.get_text() for t in axes.get_yticklabels()] == [e.name for e in report.layers]
    figure.canvas.draw()
    pyplot.close("all")


def test_a_plot_without_matplotlib(one, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ModelError, match=r"pip install 'qcompiler-hdl\[plot\]'"):
        one[0].plot()


def _tailed(*tail, before=()):
    nodes = [*before, quant("x", "xq"), quant("w", "wq")]
    nodes += [node("MatMul", ["xq", "wq"], ["h"], name="fc"), *tail]
    constants = {"w": F32(np.eye(4)), "b": F32([1.3, 0.2, 0.3, 0.4]), "three": F32(3.0)}
    inputs = {"x0": [1, 4]} if before else {"x": [1, 4]}
    return model(nodes, {**PARAMETERS, **constants}, inputs=inputs)


BIAS = node("Add", ["h", "b"], ["hb"], name="last_bias")
HOST = [
    (_tailed(node("Identity", ["h"], ["y"], name="i")), (), "", False),
    (_tailed(node("Softmax", ["h"], ["y"], name="sm")), ("softmax",), "sm (ONNX Softmax)", False),
    (
        _tailed(BIAS, node("Relu", ["hb"], ["y"], name="r")),
        ("add", "relu"),
        "last_bias (ONNX Add)",
        True,
    ),
    (_tailed(BIAS, quant("hb", "y")), (), "", False),
    (
        _tailed(node("Mul", ["h", "b"], ["y"], name="m"),
                before=[node("Div", ["x0", "three"], ["x"], name="norm")]),
        ("mul",), "m (ONNX Mul)", True,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("proto", "operations", "first", "unusual"), HOST)
def test_what_the_host_computes_is_said(capfd, tmp_path, proto, operations, first, unusual):
    path = save(proto, tmp_path)
    result = qcc(capfd, "compile", path, "-o", tmp_path / "out")
    lines = [line for line in result.out.splitlines() if line.startswith("host:")]
    after = [line for line in lines if "after the hardware" in line]
    assert len(after) == bool(operations)
    if operations:
        assert after[0] == f"host:      {', '.join(operations)} after the hardware, from {first} on"
    assert ("a quantizer behind" in result.out) == unusual
    told = json.loads(
        (tmp_path / "out" / "report" / "estimate_network_performance.json").read_text()
    )["host"]
    assert (tuple(told["after"]["operations"]), told["after"]["first"]) == (operations, first)
    page = (tmp_path / "out" / "report.html").read_text()
    shown = [f"<li>{line.removeprefix('host:').strip()}</li>" for line in lines]
    assert (
        re.findall("<li>.*?</li>", page.partition('id="host"')[2].partition("</section>")[0])
        == shown
    )
    parts = host_parts(qcompiler.load(tmp_path / "out").model)
    assert parts["after"].operations == operations
    if "norm" in str(proto):
        assert parts["before"].last == "norm (ONNX Div)"
        assert "div before the hardware, up to norm (ONNX Div)" in result.out


def test_all_equally_slow_processes_are_marked(capfd, tmp_path):
    result = qcc(capfd, "compile", saved_mlp(tmp_path), "-o", tmp_path / "out", "--cycles", 4)
    report = qcompiler.load(tmp_path / "out").report()
    assert len(report.bottlenecks) > 1
    assert result.out.count("slowest") == len(report.bottlenecks)
    told = json.loads(
        (tmp_path / "out" / "report" / "estimate_network_performance.json").read_text()
    )
    assert told["max_cycles_node_names"] == list(report.bottlenecks)
