"""map.json: lines of Verilog to operations of the IR to nodes of the model, and back."""

import json
import re

import onnx
import pytest
from cli_runner import qcc, saved_mlp
from example_models import HOST_NODES, MODELS

from qcompiler import ModelError
from qcompiler.backends.source_map import FORMAT, SourceMap, explain_places
from qcompiler.cli.main import main

INSTANCE = re.compile(r"^    (\w+) (\w+) \($")
LEVELS = ("nn", "qint", "stream", "rtl")


@pytest.fixture(scope="module", params=MODELS)
def design(request, tmp_path_factory):
    out = tmp_path_factory.mktemp(request.param) / "design"
    assert main(["compile", str(MODELS[request.param]), "--cycles", "2304", "-o", str(out)]) == 0
    nodes = {n.name: n.op_type for n in onnx.load(MODELS[request.param]).graph.node}
    return out, SourceMap.read(out), nodes


def test_every_instance_maps_to_nodes_that_exist(design):
    out, map_, nodes = design
    modules = {entry["module"]: entry for entry in map_.data["verilog"].values()}
    instances = 0
    for file in sorted((out / "rtl").glob("*.v")):
        for number, line in enumerate(file.read_text().splitlines(), 1):
            found = INSTANCE.match(line)
            if found is None or found[1] == "module":
                continue
            assert found[1] in modules
            sources = map_.nodes_at(f"rtl/{file.name}", number)
            assert sources, f"{file.name}:{number}"
            assert sources[0] in nodes
            instances += 1
    assert instances > 10


def test_every_compute_node_maps_to_lines_or_runs_on_the_host(design):
    out, map_, nodes = design
    rows = {row["name"]: row for row in map_.data["nodes"]}
    assert {name: rows[name]["op_type"] for name in nodes} == nodes
    for name in nodes:
        assert rows[name]["place"] == ("host" if name in HOST_NODES else "hardware")
        assert bool(rows[name]["verilog"]) == (name not in HOST_NODES)
        assert rows[name]["ir"]["nn"]
        for file, first, last in rows[name]["verilog"]:
            assert 1 <= first <= last <= len((out / file).read_text().splitlines())
            assert name in map_.nodes_at(file, first)


def test_lines_of_ir_hold_what_the_map_says(design):
    out, map_, _ = design
    assert tuple(map_.data["ir"]) == LEVELS
    for level in LEVELS:
        text = (out / "ir" / f"{level}.mlir").read_text().splitlines()
        for line, op, name, found in map_.data["ir"][level]:
            assert op in text[line - 1]
            assert name in text[line - 1]
            assert all(line in map_.data["nodes"][i]["ir"][level] for i in found)


def test_lines_of_verilog_come_from_lines_of_ir(design):
    out, map_, _ = design
    ir = (out / "ir" / "rtl.mlir").read_text().splitlines()
    stream = (out / "ir" / "stream.mlir").read_text().splitlines()
    registers = 0
    for file, entry in map_.data["verilog"].items():
        text = (out / file).read_text().splitlines()
        assert entry["stream"] is None or "stream." in stream[entry["stream"] - 1]
        covered = [n for first, last, *_ in entry["lines"] for n in range(first, last + 1)]
        assert covered == [n for n, line in enumerate(text, 1) if line], file
        for first, _, line, *_ in entry["lines"]:
            declared = re.match(r"    reg (?:\[\d+:0\] )?(\w+);", text[first - 1])
            if declared:
                assert re.search("seq.compreg|rtl.r[oa]m", ir[line - 1])
                registers += 1
    assert registers > 20


def test_a_design_compiled_on_from_ir_has_the_same_map(design, tmp_path):
    out, map_, _ = design
    file = out / "ir" / "stream.mlir"
    assert main(["compile", str(file), "--from", "size-fifos", "-o", str(tmp_path / "on")]) == 0
    on = SourceMap.read(tmp_path / "on")
    assert on.data["verilog"].keys() == map_.data["verilog"].keys()
    rows = [
        [(line, op, m.names(found)) for line, op, _, found in m.data["ir"]["stream"]]
        for m in (on, map_)
    ]
    assert rows[0] == rows[1]
    assert (out / "map.json").read_text() == SourceMap(map_.data).text()


def test_a_tools_words_name_the_node(capfd, tmp_path):
    out = tmp_path / "out"
    qcc(capfd, "compile", saved_mlp(tmp_path), "--cycles", "4", "-o", out)
    (file,) = (out / "rtl").glob("*fc1_mvau.v")
    lines = file.read_text().splitlines()
    lines[20] = "    this is no Verilog"
    file.write_text("\n".join(lines))
    assert explain_places(f"%Error: x/{file.name}:21:3: syntax", out) == [
        f"{file.name}:21 comes from fc1 (ONNX MatMul) and 2 more"
    ]
    result = qcc(capfd, "verify", out, "--vectors", "1")
    assert result.status == 1
    assert f"{file.name}:21 comes from fc1 (ONNX MatMul)" in result.words
    assert explain_places("nosuch.v:3 and no place", out) == []


@pytest.mark.parametrize("text", ["", "[]", '{"format": 99}', '{"nodes": []}'])
def test_a_broken_map_is_refused(tmp_path, text):
    (tmp_path / "map.json").write_text(text)
    with pytest.raises(ModelError, match="compile it again"):
        SourceMap.read(tmp_path)
    assert explain_places("a.v:1", tmp_path) == []


def test_the_format_is_the_documented_one(design):
    data = json.loads((design[0] / "map.json").read_text())
    assert data["format"] == FORMAT
    assert list(data) == ["format", "nodes", "ir", "verilog"]
    assert list(data["nodes"][0]) == ["name", "op_type", "place", "ir", "verilog"]
