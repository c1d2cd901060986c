"""qcc explain: nodes, layers, names that are misspelt or stand for several."""

import json
import re
from pathlib import Path

import pytest
from cli_runner import qcc, saved_mlp, small_mlp
from onnx_models import save

import qcompiler

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def cnn(tmp_path_factory):
    model = EXAMPLES / "digits_cnn" / "digits_cnn_qonnx.onnx"
    design = qcompiler.compile(model, device="ecp5-25k", cycles=5000)
    return design, design.write(tmp_path_factory.mktemp("cnn") / "design")


def told(capfd, directory, name):
    result = qcc(capfd, "explain", directory, name, "--json")
    assert result.status == 0, result.words
    return json.loads(result.out)


def test_a_node_is_followed_to_ir_and_verilog(cnn, capfd):
    _, directory = cnn
    found = told(capfd, directory, "strided")
    assert found["node"] == {"op_type": "Conv", "place": "hardware"}
    levels = {entry["level"] for entry in found["ir"]}
    assert levels == {"nn", "qint", "stream", "rtl"}
    for entry in found["ir"]:
        text = (directory / "ir" / f"{entry['level']}.mlir").read_text().splitlines()
        assert entry["op"] in text[entry["line"] - 1]
    (conv,) = (e for e in found["ir"] if e["op"] == "qint.conv")
    assert conv["types"][0].endswith("INT12 [-1575, 1635]")
    for place in found["verilog"]:
        lines = (directory / place["file"]).read_text().splitlines()
        assert 1 <= place["first"] <= place["last"] <= len(lines)
        assert any(f"module {place['module']}" in line for line in lines)
    kinds = [layer["kind"] for layer in found["layers"]]
    assert {"sliding_window", "mvau"} <= set(kinds)


def test_a_layer_has_cycles_folding_and_area(cnn, capfd):
    design, directory = cnn
    report = design.report()
    for layer in report.layers:
        found = told(capfd, directory, layer.name)
        assert found["node"] is None
        (about,) = found["layers"]
        assert about["cycles"]["own"] == layer.cycles
        assert ("it is the slowest" in about["cycles"]["bound"]) == (
            layer.name == report.bottleneck
        )
        assert about["area"]["estimated"] == layer.area
        assert about["area"]["device"] == "ecp5-25k"
        assert about["outputs"][0]["range"] == [layer.element["lo"], layer.element["hi"]]
        if "PE" in layer.detail:
            folding = about["folding"]
            assert (folding["PE"], folding["SIMD"]) == (layer.detail["PE"], layer.detail["SIMD"])
            assert folding["PE"] in folding["legal"]["PE"]
            assert folding["SIMD"] in folding["legal"]["SIMD"]
            if folding["smaller"] and "more than" in folding["why"]:
                assert folding["smaller"]["cycles"] > report.cycles_per_frame
            if folding["faster"]:
                assert folding["faster"]["cycles"] < layer.cycles
        if layer.kind == "requantize":
            assert about["requantizer"]["form"] == layer.detail["form"]
            assert about["requantizer"]["others"]
        if layer.kind == "fifo":
            (itself,) = (fifo for fifo in about["fifos"] if fifo["place"] == "itself")
            assert itself["depth"] == layer.detail["depth"]
            assert itself["from"] == layer.reads[0]


def test_words_say_the_same(cnn, capfd):
    _, directory = cnn
    words = " ".join(qcc(capfd, "explain", directory, "depthwise_vvau").out.split())
    for part in ("a layer", "legal SIMD", "INT9 in [-255, 195]", "vvau.v:1-"):
        assert part in words
    words = qcc(capfd, "explain", directory, "act1").out
    assert "requantizer" in words
    assert "not threshold" in words  # products in turns take less
    listed = qcc(capfd, "explain", directory).out
    assert "depthwise" in listed
    assert "Conv" in listed


def test_parts_of_names_suggestions_and_lists(cnn, capfd):
    _, directory = cnn
    assert told(capfd, directory, "STRIDED_mv")["name"] == "strided_mvau"
    result = qcc(capfd, "explain", directory, "depthwize")
    assert (result.status, "did you mean depthwise" in result.words) == (1, True)
    result = qcc(capfd, "explain", directory, "act")
    assert result.status == 1
    assert "name one of act1" in result.words
    assert qcc(capfd, "explain", directory, "").status == 1
    result = qcc(capfd, "explain", directory / "rtl", "act1")
    assert (result.status, "is no design" in result.words) == (1, True)


def test_names_of_a_model_are_text(tmp_path, capfd):
    network = small_mlp()
    network.graph.node[2].name = "[red]evil[/red]\x1b[31m"
    model = save(network, tmp_path)
    directory = qcompiler.compile(model).write(tmp_path / "design")
    result = qcc(capfd, "explain", directory, "evil")
    assert result.status == 0
    assert "[red]evil[/red]" in result.out
    assert "\x1b" not in result.out


@pytest.mark.simulation
def test_what_was_measured_is_told(tmp_path, capfd):
    directory = tmp_path / "design"
    qcc(capfd, "compile", saved_mlp(tmp_path), "-o", directory)
    assert told(capfd, directory, "fc1_pipeline")["layers"][0]["area"]["measured"] == []
    assert qcc(capfd, "synth", directory, "--device", "ice40-up5k").status == 0
    (run,) = told(capfd, directory, "fc1_pipeline")["layers"][0]["area"]["measured"]
    found = json.loads((directory / "report" / "synthesis_ice40-up5k.json").read_text())
    assert run["measured"] == found["layers"]["fc1_pipeline"]
    assert "measured, ice40-up5k" in qcc(capfd, "explain", directory, "fc1_pipeline").out


PEAKS = """
network peaks(x: uint8[1, 4] scale 1/255) {
  w: int4[4, 3] scale 0.125 = [[1, -1, 3], [0, 3, 2], [-7, 2, 1], [4, 4, -2]]
  h = requantize(relu(matmul(x, w)), uint4, scale: 0.043)
  v: int4[3, 2] scale 0.25 = [[1, -1], [3, 2], [2, 1]]
  y = matmul(h, v)
  return quantize(y, int8, scale: 0.1) as "scores"
}
"""
WITHOUT_LOCATIONS = r'\s*loc\((?:[^()"]|"[^"]*"|\([^()]*\))*\)'


def handwritten(capfd, folder, level):
    """Returns a design of the network above, compiled from its text at a level."""
    text, ir, directory = folder / "peaks.qnn", folder / f"{level}.mlir", folder / "design"
    text.write_text(PEAKS)
    if level == "qnn":
        assert qcc(capfd, "compile", text, "--cycles", "1", "-o", directory).status == 0
        return directory
    printed = qcc(capfd, "compile", text, "--cycles", "1", "--emit", level)
    assert printed.status == 0, printed.words
    ir.write_text(re.sub(WITHOUT_LOCATIONS, "", printed.out))
    last = {"qint": "select-requantizer", "stream": "size-fifos"}[level]
    made = qcc(capfd, "compile", ir, "--from", last, "-o", directory)
    assert made.status == 0, made.words
    return directory


@pytest.mark.parametrize("level", ["qnn", "qint", "stream"])
def test_networks_written_by_hand(level, tmp_path, capfd):
    directory = handwritten(capfd, tmp_path, level)
    listed = json.loads(qcc(capfd, "explain", directory, "--json").out)
    assert listed["nodes"] == []
    assert len(listed["layers"]) == 1  # fully parallel: one pipeline
    words = qcc(capfd, "explain", directory).out
    for layer in listed["layers"]:
        assert layer in words
        found = told(capfd, directory, layer)
        stream_ = [entry for entry in found["ir"] if entry["level"] == "stream"]
        text = (directory / "ir" / "stream.mlir").read_text().splitlines()
        assert stream_[0]["op"] in text[stream_[0]["line"] - 1]
        assert found["verilog"]
        assert qcc(capfd, "explain", directory, layer).status == 0
