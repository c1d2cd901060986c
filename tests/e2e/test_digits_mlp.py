"""The model that ships with the project, all the way to simulated Verilog and the host's driver."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cli_runner import contents, qcc

import qcompiler
from qcompiler import pipelines
from qcompiler.backends.driver.packing import pack, unpack
from qcompiler.backends.simulators import lint, lint_icarus
from qcompiler.backends.verification import verify
from qcompiler.backends.written import load_design

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits_mlp"
MODEL = EXAMPLE / "digits_mlp.onnx"
LEVELS = ("nn", "qint", "stream", "rtl")
PASSES_FROM = {
    "nn": (*pipelines.QINT, *pipelines.STREAM, *pipelines.RTL),
    "qint": (*pipelines.STREAM, *pipelines.RTL),
    "stream": pipelines.RTL,
    "rtl": (),
}


@pytest.fixture(scope="module")
def vectors():
    with np.load(EXAMPLE / "test_vectors.npz") as file:
        return {name: file[name] for name in file.files}


@pytest.fixture(scope="module")
def design():
    return qcompiler.compile(MODEL, cycles=64)


@pytest.fixture(scope="module")
def directory(design, tmp_path_factory):
    return design.write(tmp_path_factory.mktemp("digits") / "design")


@pytest.mark.simulation
def test_random_frames_and_cycles(directory, tmp_path):
    copy = shutil.copytree(directory, tmp_path / "design")  # verify adds its report
    result = verify(copy, vectors=300)
    assert result.passed, result.first_differences
    back_to_back, stalled = result.runs
    assert back_to_back.frames == stalled.frames == 300
    assert back_to_back.cycles_per_frame == result.predicted_cycles_per_frame == 64
    assert back_to_back.latency_cycles == result.predicted_latency_cycles


@pytest.mark.simulation
def test_held_out_images_in_verilog(design, vectors):
    """The accuracy that the README states, and logits as exact arithmetic has them."""
    logits = design.simulate(vectors["inputs"])
    assert int((logits.argmax(1) == vectors["labels"]).sum()) == 354
    assert np.array_equal(logits, design.predict(vectors["inputs"]))
    assert np.abs(logits - vectors["logits"]).max() < 3e-6  # qonnx computes in float32


def test_logits_are_those_of_float64(design, vectors):
    from qcompiler.interpreters import run_model

    pixels = vectors["inputs"].reshape(-1, 1, 64).astype(np.float64)
    (exact,) = run_model(design.level("nn"), [pixels])
    got = design.predict(vectors["inputs"])
    assert np.allclose(got, exact.reshape(got.shape), rtol=1e-12, atol=1e-12)


def test_second_compilation_is_byte_identical(directory, tmp_path):
    """In another process, with another hash seed."""
    command = [sys.executable, "-m", "qcompiler.cli.main", "compile", str(MODEL), "--cycles", "64"]
    environment = {**os.environ, "PYTHONHASHSEED": "4242"}
    again = tmp_path / "elsewhere" / "deeper"
    subprocess.run([*command, "-o", str(again)], check=True, env=environment, capture_output=True)
    assert contents(again) == contents(directory)


def test_lint_is_clean(directory):
    _, rtl = load_design(directory)
    assert lint(rtl) == ""


def test_lint_of_icarus_is_clean(directory):
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")
    _, rtl = load_design(directory)
    assert lint_icarus(rtl) == ""


def _run_bench(directory):
    """Returns what the shipped test bench prints in Icarus, and its exit status."""
    (bench,) = (directory / "tb").glob("*_tb.v")
    rtl = directory / "rtl"
    program = directory.parent / "bench.vvp"
    sources = sorted(str(p) for p in rtl.glob("*.v"))
    build = ["iverilog", "-g2005", "-s", bench.stem, "-o", str(program), str(bench), *sources]
    subprocess.run(build, check=True, cwd=rtl)
    done = subprocess.run(
        ["vvp", "-n", str(program)], cwd=rtl, capture_output=True, text=True, check=False
    )
    return done.stdout, done.returncode


@pytest.mark.simulation
@pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed")
def test_shipped_bench_passes_and_fails_after_one_flipped_bit(directory, tmp_path):
    copy = shutil.copytree(directory, tmp_path / "design")
    said, status = _run_bench(copy)
    assert "PASS: 16 frames, 0 mismatches" in said
    assert status == 0
    (expected,) = (copy / "tb").glob("*_m_axis_0.mem")
    lines = expected.read_text().splitlines()
    last = next(i for i in reversed(range(len(lines))) if lines[i] and lines[i][0] != "/")
    lines[last] = lines[last][:-1] + f"{int(lines[last][-1], 16) ^ 1:x}"
    expected.write_text("\n".join(lines) + "\n")
    said, status = _run_bench(copy)
    assert "FAIL" in said
    assert "1 mismatches" in said
    assert status != 0


def test_driver_predicts_what_the_design_does(design, directory, vectors):
    path = directory / "driver" / "driver.py"
    spec = importlib.util.spec_from_file_location("digits_driver", path)
    driver = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(driver)
    (source, _), (sink, _) = design.ports
    ports = {p["name"]: p for p in driver.PORTS}

    def hardware(beats):
        """The interpreter, behind the bytes of the ports."""
        given, taken = ports[source.name], ports[sink.name]
        assert beats[0].shape[1:] == (source.beats, source.bytes_per_beat)
        q = unpack(beats[0], given["lanes"], given["width_bits"], given["signed"])
        (out,) = design.core([q.reshape(len(q), *given["frame"])])
        return [pack(out, taken["lanes"], taken["width_bits"])]

    (got,) = driver.predict([vectors["inputs"]], hardware)
    assert np.array_equal(got.reshape(len(got), -1), design.predict(vectors["inputs"]))


@pytest.mark.parametrize("level", LEVELS)
def test_text_of_each_level_is_stable(capfd, directory, level):
    """Parses, verifies, and prints the same again; the second text, to be without its blank end."""
    path = directory / "ir" / f"{level}.mlir"
    result = qcc(capfd, "opt", path, "--print-debuginfo")
    assert result.status == 0, result.words
    assert result.out.strip() == path.read_text().strip()


@pytest.mark.parametrize("level", LEVELS)
def test_each_level_leads_to_the_same_verilog(capfd, design, directory, level):
    path = directory / "ir" / f"{level}.mlir"
    options = {"select-folding": "{target-cycles=64}"}
    passes = ",".join(name + options.get(name, "") for name in PASSES_FROM[level])
    words = ["-p", passes] if passes else []
    result = qcc(capfd, "opt", path, *words, "-t", "verilog")
    assert result.status == 0, result.words
    expected = qcc(capfd, "compile", MODEL, "--cycles", "64", "--emit", "verilog")
    assert result.out.strip() == expected.out.strip()
    assert f"module {design.name} " in result.out or f"module {design.name}(" in result.out


def test_emit_writes_nothing(capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for level in LEVELS:
        assert qcc(capfd, "compile", MODEL, "--emit", level).status == 0
    assert list(tmp_path.iterdir()) == []


def test_reports_agree(capfd, directory, tmp_path):
    result = qcc(capfd, "compile", MODEL, "--cycles", "64", "-o", tmp_path / "out", "--json")
    said = json.loads(result.out)
    performance = said["estimate_network_performance.json"]
    manifest = json.loads((directory / "design.json").read_text())
    assert performance["max_cycles"] == manifest["predicted"]["cycles_per_frame"] == 64
    assert max(said["estimate_layer_cycles.json"].values()) == 64


def test_reported_folding_can_be_given_back(capfd, directory, tmp_path):
    folding = directory / "report" / "folding_config.json"
    result = qcc(capfd, "compile", MODEL, "--folding", folding, "-o", tmp_path / "out")
    assert result.status == 0, result.words
    assert contents(tmp_path / "out" / "rtl") == contents(directory / "rtl")


def test_reported_styles_can_be_given_back(tmp_path):
    first = qcompiler.compile(MODEL, device="ecp5-25k", max_dsps=10)
    folding = first.report().files()["folding_config.json"]
    assert folding["fc1_mvau"]["style"] == "pairs"
    path = tmp_path / "folding.json"
    path.write_text(json.dumps(folding))
    again = qcompiler.compile(MODEL, device="ecp5-25k", folding=path)
    assert again.verilog.files == first.verilog.files


@pytest.mark.simulation
def test_numerics_of_onnxruntime(vectors):
    design = qcompiler.compile(MODEL, numerics="onnxruntime", cycles=256, validate=True)
    inputs = vectors["inputs"][:100]
    simulated = design.simulate(inputs)
    assert np.array_equal(simulated, design.predict(inputs))
    assert np.abs(simulated - vectors["logits"][:100]).max() < 1e-5


@pytest.mark.simulation
def test_verify_notices_a_changed_weight(capfd, directory, tmp_path):
    copy = shutil.copytree(directory, tmp_path / "design")
    memory = next(p for p in sorted((copy / "rtl").glob("*.mem")))
    text = memory.read_text()
    at = next(i for i in range(len(text) - 1, 0, -1) if text[i] in "0123456789abcdef")
    memory.write_text(text[:at] + f"{int(text[at], 16) ^ 1:x}" + text[at + 1 :])
    result = qcc(capfd, "verify", copy, "--vectors", "200", "--stalls", "0", "--json")
    assert result.status == 1
    assert not json.loads(result.out)["passed"]
