"""The pages of the comparison and of the gallery are those that their files of figures give."""

import json
import re
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from benchmarks import compare, low_latency
from benchmarks.compare import COMPARED, DESIGNS, DOCS, GALLERY, SEPARATE, Given, joined, pages


@pytest.mark.parametrize("name", ["compare.md", "gallery.md"])
def test_page_is_made_of_its_file(name):
    written = (DOCS / name).read_text(encoding="utf-8")
    assert written == pages()[name], "run python -m benchmarks.compare"


def test_rows_say_when_and_by_what():
    told = json.loads(COMPARED.read_text())
    rows = [*told["accepted"], *told["matrix"], *json.loads(GALLERY.read_text())]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", row["date"]) for row in rows)
    assert all(re.fullmatch(r"[0-9a-f]{7,}", row["commit"]) for row in rows)
    assert all(any(c.isdigit() for c in row.get("tool", row.get("version"))) for row in rows)


def test_every_design_and_every_peer_has_a_row():
    assert {row["name"] for row in json.loads(GALLERY.read_text())} == set(DESIGNS)
    tools = {row["tool"].split()[0] for row in json.loads(COMPARED.read_text())["accepted"]}
    assert tools == {"qcompiler", *low_latency.PEERS, *SEPARATE}


def test_rows_of_a_tool_that_is_not_there_stay():
    old = [{"tool": "a 1", "n": 1}, {"tool": "b 1", "n": 2}]
    assert joined(old, [{"tool": "b 2", "n": 3}]) == [{"tool": "b 2", "n": 3}, old[0]]


def test_last_that_a_program_says(tmp_path):
    given = Given(tmp_path / "m.onnx", "m", {}, tmp_path)
    told = "import sys; print('a'); print('b'); sys.exit({})"
    assert compare._last_said([sys.executable, "-c", told.format(0)], given) == "b"
    assert compare._last_said([sys.executable, "-c", told.format("'d'")], given) == "d"
    told = f"raise ValueError('no\\n   such: {given.path}')"
    assert compare._last_said([sys.executable, "-c", told], given) == "ValueError: no such"


def test_what_we_say_of_a_file(tmp_path):
    held = np.load(compare.REPOSITORY / "examples/digits_mlp/test_vectors.npz")
    outputs = held["logits"].copy()
    outputs[0] = -outputs[0]
    vectors = tmp_path / "vectors.npz"
    np.savez(vectors, inputs=held["inputs"], outputs=outputs)
    path = compare.REPOSITORY / "examples/digits_mlp/digits_mlp.onnx"
    said = compare.accepted_by_us(Given(path, "mlp", {}, vectors))["said"]
    assert said.startswith("compiles to Verilog; 359 of 360 labels as the model's, ")


@pytest.mark.skipif(find_spec("pyosys") is None, reason="needs pyosys")
def test_matrix_is_synthesized_for_all_that_make_one(monkeypatch):
    """Peers are asked by what they are; here each says that it has failed."""
    asked = []

    def fails(job, seconds, kept):
        asked.append(job["peer"])
        return {"failed": "it is not here"}

    monkeypatch.setattr(low_latency, "ask_peer", fails)
    (row,) = compare.matrix_designs(low_latency.PEERS, size=2)
    assert row["tool"].startswith("qcompiler")
    assert row["LUT"] > 0
    assert set(asked) == set(low_latency.PEERS)
