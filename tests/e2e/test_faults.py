"""Damaged and hostile files, odd places to write to: a message and a status, never a traceback."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from contextlib import suppress

import numpy as np
import pytest
from cli_runner import qcc, saved_mlp
from numpy.lib import format as npy

import qcompiler
from qcompiler import ModelError
from qcompiler.backends.report.page import renew_page
from qcompiler.backends.vectors import read_arrays
from qcompiler.backends.written import load_design


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faults")
    return qcompiler.compile(saved_mlp(folder), cycles=4).write(folder / "design")


@pytest.fixture
def design(written, tmp_path):
    return shutil.copytree(written, tmp_path / "design")


def _header(shape, dtype="<f8", data=b""):
    text = io.BytesIO()
    npy.write_array_header_1_0(
        text, {"descr": dtype, "fortran_order": False, "shape": tuple(shape)}
    )
    return text.getvalue() + data


def _zipped(path, entries, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)


def _npy(array, **options):
    text = io.BytesIO()
    np.save(text, array, **options)
    return text.getvalue()


PICKLED = _npy(np.array([{"a": 1}], object), allow_pickle=True)
GOOD = _npy(np.zeros((2, 4)))
VECTORS = {
    "empty": (b"", "cannot be read as vectors"),
    "text": (b"hello", "cannot be read as vectors"),
    "a pickle": (b"\x80\x04]\x94.", "cannot be read as vectors"),
    "an array of objects": (PICKLED, "not numbers"),
    "text elements": (_npy(np.array(["a"])), "not numbers"),
    "complex": (_npy(np.zeros((1, 4), complex)), "not numbers"),
    "dates": (_npy(np.zeros((1, 4), "M8[s]")), "not numbers"),
    "cut": (GOOD[:-9], "ends too early"),
    "a shape without data": (_header([1 << 40, 4]), "says it has the shape"),
    "negative": (_header([-1, 4], data=bytes(64)), "says it has the shape"),
    "NaN": (_npy(np.full((1, 4), np.nan)), "NaN or infinity"),
    "infinity": (_npy(np.full((1, 4), np.inf)), "NaN or infinity"),
    "none": (_npy(np.zeros((0, 4))), "the batch is empty"),
    "another shape": (_npy(np.zeros((3, 5))), "expected input of shape [4] with a batch axis"),
    "a number": (_npy(np.float64(3)), "expected input of shape [4]"),
}
ARCHIVES = {
    "no entry": ({"z.npy": GOOD}, "has no entry x, only z"),
    "nothing": ({}, "has no entry x, only none"),
    "an entry that is no array": ({"x.npy": b"hello"}, "cannot be read as vectors"),
    "a pickle inside": ({"x.npy": PICKLED}, "not numbers"),
    "a promise": ({"x.npy": _header([1 << 40, 4])}, "says it has the shape"),
}


@pytest.mark.parametrize("name", VECTORS)
def test_vectors_of_npy(capfd, design, tmp_path, name):
    data, words = VECTORS[name]
    (tmp_path / "v.npy").write_bytes(data)
    result = qcc(capfd, "verify", design, "--from-file", tmp_path / "v.npy")
    assert (result.status, words in result.words) == (1, True), result.words
    assert "Traceback" not in result.words


@pytest.mark.parametrize("name", ARCHIVES)
def test_vectors_of_npz(capfd, design, tmp_path, name):
    entries, words = ARCHIVES[name]
    _zipped(tmp_path / "v.npz", entries)
    result = qcc(capfd, "verify", design, "--from-file", tmp_path / "v.npz")
    assert (result.status, words in result.words) == (1, True), result.words


def test_a_zip_bomb_is_not_unpacked(tmp_path, monkeypatch):
    """The sizes that the archive states are looked at before anything is read."""
    monkeypatch.setattr("qcompiler.backends.vectors._MOST_BYTES", 1 << 20)
    _zipped(tmp_path / "bomb.npz", {f"x{i}.npy": bytes(1 << 19) for i in range(3)})
    assert (tmp_path / "bomb.npz").stat().st_size < 10_000
    with pytest.raises(ModelError, match="its entries have 1572864 bytes, more than 1048576"):
        read_arrays(tmp_path / "bomb.npz")


@pytest.mark.parametrize("cut", [20, 200, 400])
def test_damaged_archives(tmp_path, cut):
    _zipped(tmp_path / "v.npz", {"x.npy": _npy(np.arange(400.0).reshape(100, 4))})
    data = bytearray((tmp_path / "v.npz").read_bytes())
    data[cut] ^= 0xFF
    (tmp_path / "v.npz").write_bytes(data)
    with suppress(ModelError):  # or it was a bit of no meaning
        read_arrays(tmp_path / "v.npz")


DEEP = "[" * 100_000
MANIFESTS = {
    "mhz": ["fast", None, 0, -1, True, [1], 1e300],
    "top": [3, None, "a b", "x;y", ""],
    "sources": [None, [], "rtl/a.v", [1], ["/etc/passwd"], ["rtl/../../x.v"], ["../x.v"]],
    "device": [3, ["x"]],
    "device_file": [3, "a\0b", "x" * 6000],
}


@pytest.mark.parametrize(("key", "value"), [(k, v) for k, vs in MANIFESTS.items() for v in vs])
def test_a_manifest_with_wrong_types(design, key, value):
    path = design / "design.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(ModelError, match=f"design.json: {key}: must be"):
        load_design(design)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", DEEP, '{"a":' * 50_000, "\x00", "{}"])
@pytest.mark.parametrize("command", ["verify", "synth", "explain", "view"])
def test_a_manifest_that_is_none(capfd, design, text, command):
    (design / "design.json").write_text(text)
    result = qcc(capfd, command, design)
    assert result.status == 1
    assert "is no design" in result.words


@pytest.mark.parametrize("text", ["", "{", "[]", "3", DEEP, "null", '{"x": 1}', "[1]", "\x00"])
@pytest.mark.parametrize(
    "name", ["layers", "estimate_network_performance", "estimate_layer_resources"]
)
def test_a_damaged_report(capfd, design, name, text):
    (design / "report" / f"{name}.json").write_text(text)
    if (name, text) != ("layers", "[]"):  # no layers is what it could be
        with pytest.raises(ModelError, match="damaged"):
            renew_page(design)


@pytest.mark.parametrize("text", [DEEP, "{", "[]", '{"a": 3}', '{"fc1_mvau": {"PE": 1e999}}'])
def test_a_damaged_folding(capfd, tmp_path, text):
    (tmp_path / "f.json").write_text(text)
    path = saved_mlp(tmp_path)
    result = qcc(capfd, "check", path, "--folding", tmp_path / "f.json")
    assert result.status == 1
    assert str(tmp_path / "f.json") in result.words


LONG = "x" * 300


@pytest.mark.parametrize(
    "arguments",
    [
        ("compile", f"{LONG}.onnx"), ("compile", f"{LONG}.qnn"), ("compile", f"{LONG}.mlir"),
        ("check", f"{LONG}.onnx"), ("verify", LONG), ("synth", LONG), ("explain", LONG),
        ("view", LONG), ("opt", f"{LONG}.mlir"), ("import", f"{LONG}.onnx"), ("fmt", f"{LONG}.qnn"),
        ("compile", "net.onnx", "-o", LONG), ("compile", "net.onnx", "--device", LONG),
        ("compile", "net.onnx", "--device", f"{LONG}.toml"),
        ("compile", "net.onnx", "--folding", f"{LONG}.json"),
        ("import", "net.onnx", "-o", f"{LONG}.qnn"),
        ("verify", "design", "--from-file", f"{LONG}.npz"),
        ("compile", "net.onnx", "--plugin", f"{LONG}.py"),
    ],
)  # fmt: skip
def test_long_names(capfd, tmp_path, monkeypatch, arguments):
    saved_mlp(tmp_path)
    monkeypatch.chdir(tmp_path)
    result = qcc(capfd, *arguments)
    assert result.status in (1, 2)
    assert "Traceback" not in result.words
    assert "internal error" not in result.words


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux")
@pytest.mark.parametrize(
    "arguments",
    [
        ("check",),
        ("compile", "--emit", "nn"),
        ("compile", "--emit", "verilog"),
        ("check", "--json"),
    ],
)
def test_a_full_device(tmp_path, arguments):
    path = saved_mlp(tmp_path)
    with open("/dev/full", "wb") as full:
        done = _run([arguments[0], str(path), *arguments[1:]], stdout=full)
    assert done.returncode == 1
    assert b"No space left" in done.stderr
    assert b"Traceback" not in done.stderr
    assert b"Exception" not in done.stderr


def test_a_reader_that_goes_away(tmp_path):
    path = saved_mlp(tmp_path)
    reader, writer = os.pipe()
    os.close(reader)
    done = _run(["compile", str(path), "--emit", "verilog"], stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


def _run(arguments, **options):
    command = [sys.executable, "-m", "qcompiler.cli.main", *arguments]
    return subprocess.run(command, stderr=subprocess.PIPE, check=False, **options)


DAMAGED = ["", "{", "[]", "3", "null", DEEP, '{"modules": 3}', "\x00"]


@pytest.mark.parametrize("text", DAMAGED)
@pytest.mark.parametrize("name", ["result.json", "netlist.json"])
def test_a_damaged_netlist(capfd, design, name, text):
    folder = design / "synth" / "ecp5-25k"
    folder.mkdir(parents=True)
    modules = {"modules": {json.loads((design / "design.json").read_text())["top"]: {"cells": {}}}}
    good = {"result.json": {"digest": "0"}, "netlist.json": modules}
    for file, contents in good.items():
        (folder / file).write_text(json.dumps(contents))
    (folder / name).write_text(text)
    result = qcc(capfd, "verify", design, "--netlist", "--device", "ecp5-25k")
    assert result.status == 1
    assert "has a damaged netlist for ecp5-25k" in result.words
    assert "remedy: run qcc synth" in result.words


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", DEEP, '{"format": 1}', "\x00"])
@pytest.mark.parametrize("name", ["map.json", "report/estimate_layer_resources.json"])
def test_a_damaged_file_of_the_view(capfd, design, name, text):
    (design / name).write_text(text)
    result = qcc(capfd, "view", design)
    assert result.status == 1
    assert re.search("remedy: compile (it|the design) again", result.words)
