"""Simulation models of cells: those that are only a shell are not taken for models."""

import pytest

from qcompiler.backends.synthesis.models import cell_models, empty_modules
from qcompiler.backends.synthesis.tools import SynthesisError

LIBRARY = """
module LUT(input A, output Z);  // assign
  parameter INIT = 0;
  assign Z = INIT ^ A;
endmodule
(* blackbox *)
module RAM(input A, output Z);
  parameter INIT = 0;
  specify
    (A => Z) = 5;
  endspecify
endmodule
module MULT(input A, output Z);
  parameter AREG = 0;
endmodule
"""


@pytest.fixture
def share(tmp_path):
    (tmp_path / "gowin").mkdir()
    (tmp_path / "gowin" / "cells_sim.v").write_text('`include "all.vh"\n')
    (tmp_path / "gowin" / "all.vh").write_text(LIBRARY.replace("MULT", "MULT9X9"))
    return tmp_path


def cell(type_, **parameters):
    return {"type": type_, "parameters": parameters}


def test_empty_modules():
    assert empty_modules(LIBRARY) == {"RAM", "MULT"}


def test_ours_replace_empty_ones(share):
    text = cell_models("gowin", share, [cell("LUT"), cell("MULT9X9", AREG="0")])
    assert text.count("module MULT9X9") == 1
    assert "signed [9:0] a" in text


def test_missing_model(share):
    with pytest.raises(SynthesisError, match="no model of OTHER, RAM; verify without --netlist"):
        cell_models("gowin", share, [cell("RAM"), cell("LUT"), cell("OTHER")])


def test_use_beyond_the_model(share):
    with pytest.raises(SynthesisError, match="MULT9X9 has AREG = 1"):
        cell_models("gowin", share, [cell("MULT9X9", AREG="1")])


def test_registers_that_our_models_have(tmp_path):
    (tmp_path / "ecp5").mkdir()
    (tmp_path / "ecp5" / "cells_sim.v").write_text("module LUT4; endmodule\n")
    registered = {"REG_INPUTA_CLK": "CLK0", "REG_INPUTB_CLK": "CLK0", "REG_OUTPUT_CLK": "NONE"}
    memory = cell("DP16KD", REGMODE_A="OUTREG", REGMODE_B="NOREG")
    assert "module DP16KD" in cell_models("ecp5", tmp_path, [cell("MULT18X18D", **registered)])
    assert "module DP16KD" in cell_models("ecp5", tmp_path, [memory])
    for name, value in (("REG_INPUTA_CLK", "CLK1"), ("REG_OUTPUT_CLK", "CLK0")):
        with pytest.raises(SynthesisError, match=f"MULT18X18D has {name} = {value}, and our model"):
            cell_models("ecp5", tmp_path, [cell("MULT18X18D", **registered | {name: value})])


def test_generic_needs_none(share):
    assert cell_models("generic", share, [cell("$lut")]) == ""
