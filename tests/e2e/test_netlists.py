"""Netlists of small networks: they compute what the model does, or are refused."""

import json

import pytest
from cli_runner import qcc

pytestmark = pytest.mark.simulation

SIGNED = """\
network c(x: int8[1, 8]) {
  w: int4[8, 4] = [[1, -2, 3, 4], [5, -6, 7, 0], [-1, 2, -3, -4], [7, 6, -7, 5],
    [3, 1, -5, 2], [2, -2, 4, 1], [6, 5, -4, -3], [-7, 7, 1, 2]]
  return matmul(x, w) as "y"
}
"""


@pytest.fixture
def design(tmp_path, capfd):
    """A matrix unit that makes one product of signed numbers a cycle."""
    text = tmp_path / "c.qnn"
    text.write_text(SIGNED, encoding="utf-8")
    assert qcc(capfd, "compile", text, "--cycles", "32", "-o", tmp_path / "c").status == 0
    return tmp_path / "c"


@pytest.mark.parametrize(
    ("device", "multiplier"),
    [
        ("ice40-up5k", "SB_MAC16"),
        ("zynq-7020", "DSP48E1"),
        ("zu3eg", "DSP48E2"),
        ("lifcl-40", "MULT9X9"),
        ("gw1n-9", "MULT9X9"),
    ],
)
def test_signed_products_in_multipliers(design, device, multiplier, capfd):
    made = qcc(capfd, "synth", design, "--device", device)
    assert made.status == 0, made.words
    netlist = json.loads((design / "synth" / device / "netlist.json").read_text())
    types = {cell["type"] for cell in netlist["modules"]["c"]["cells"].values()}
    assert multiplier in types
    checked = qcc(capfd, "verify", design, "--netlist", "--device", device, "--vectors", "20")
    assert checked.status == 0, checked.words
    assert "0 mismatches in 40 frames" in checked.out


@pytest.mark.parametrize(
    ("device", "cell"), [("ecp5-25k", "CCU2C"), ("zu3eg", "LUT6_2"), ("zynq-7020", "LUT6_2")]
)
def test_sums_of_a_parallel_matrix(tmp_path, device, cell, capfd):
    """Top bits beside chains of cells of two places; tables that add three numbers."""
    text, made = tmp_path / "c.qnn", tmp_path / "c"
    text.write_text(SIGNED, encoding="utf-8")
    compiled = qcc(capfd, "compile", text, "--cycles", "1", "--device", device, "-o", made)
    assert compiled.status == 0, compiled.words
    built = qcc(capfd, "synth", made, "--device", device)
    assert built.status == 0, built.words
    netlist = json.loads((made / "synth" / device / "netlist.json").read_text())
    assert cell in {one["type"] for one in netlist["modules"]["c"]["cells"].values()}
    checked = qcc(capfd, "verify", made, "--netlist", "--device", device, "--vectors", "100")
    assert checked.status == 0, checked.words
    assert "0 mismatches in 200 frames" in checked.out


def test_a_netlist_that_lost_bits_is_refused(design, capfd):
    """The hardware is made worse by hand: its products get a bit that they do not need."""
    assert qcc(capfd, "synth", design, "--device", "ice40-up5k").status == 0
    before = (design / "synth" / "ice40-up5k" / "netlist.json").read_bytes()
    element = design / "rtl" / "c_output_mvau_pe.v"
    text = element.read_text(encoding="utf-8")
    wider = text.replace("[10:0]", "[12:0]").replace("{{3{x[7]}}", "{{5{x[7]}}")
    wider = wider.replace("{{7{w[3]}}", "{{9{w[3]}}").replace(
        "{{3{partial_sum[10]}}", "{partial_sum[12]"
    )
    assert wider != text
    element.write_text(wider, encoding="utf-8")
    refused = qcc(capfd, "synth", design, "--device", "ice40-up5k")
    assert refused.status == 1
    assert "output_mvau.pe0.product0_kept1[12]" in refused.words
    assert "a fault of the tool, not of the model" in refused.words
    assert (design / "synth" / "ice40-up5k" / "netlist.json").read_bytes() == before
    assert qcc(capfd, "synth", design, "--device", "ice40-up5k", "--no-dsp").status == 0


PIPELINE = """\
network p(x: int8[1, 6] scale 1) {
  w: int4[6, 5] = [[1, -2, 3, 4, 7], [5, -6, 7, 0, 1], [-1, 2, -3, -4, -7], [7, 6, -7, 5, 0],
    [3, 1, -5, 2, 4], [2, -2, 4, 1, -1]]
  v: int4[5, 3] = [[6, 5, -4], [-7, 7, 1], [2, 3, 0], [-1, -5, 2], [1, 1, 4]]
  h = requantize(relu(matmul(x, w)), uint4, scale: 24)
  return quantize(matmul(h, v), int8, scale: 2)
}
"""


@pytest.mark.parametrize("device", ["ecp5-25k", pytest.param("zu3eg", marks=pytest.mark.sweep)])
def test_a_pipeline_with_its_credits(tmp_path, capfd, device):
    """Chains that are kept, requantizers in logic, storage behind the core; under stalls."""
    text = tmp_path / "p.qnn"
    text.write_text(PIPELINE, encoding="utf-8")
    folder = tmp_path / "p"
    options = ("--cycles", "1", "--mhz", "150", "--device", device, "-o", folder)
    assert qcc(capfd, "compile", text, *options).status == 0
    assert qcc(capfd, "synth", folder).status == 0
    checked = qcc(capfd, "verify", folder, "--netlist", "--vectors", "300", "--stalls", "0.5")
    assert checked.status == 0, checked.words
    assert "0 mismatches in 600 frames" in checked.out


TURNS = """\
network t(x: int8[1, 8] scale 1) {
  w: int8[8, 4] = [[71, -2, 3, 4], [5, -76, 7, 0], [-1, 2, -93, -4], [7, 6, -7, 125],
    [3, 1, -5, 2], [2, -2, 4, 1], [6, 5, -4, -3], [-7, 7, 1, 2]]
  return quantize(matmul(x, w), int8, scale: [123.4567, 97.1, 88.77, 131.071], axis: 1) as "y"
}
"""


def test_a_requantizer_that_takes_turns(tmp_path, capfd):
    text, folder = tmp_path / "t.qnn", tmp_path / "t"
    text.write_text(TURNS, encoding="utf-8")
    options = ("--cycles", "32", "--device", "ecp5-25k", "-o", folder)
    assert qcc(capfd, "compile", text, *options).status == 0
    assert "stream.turns = 7" in (folder / "ir" / "stream.mlir").read_text(encoding="utf-8")
    assert qcc(capfd, "synth", folder).status == 0
    checked = qcc(capfd, "verify", folder, "--netlist", "--vectors", "100", "--stalls", "0.4")
    assert checked.status == 0, checked.words
    assert "0 mismatches in 200 frames" in checked.out
