"""Commands for Yosys: nothing but plain names gets into them."""

import pytest

from qcompiler.backends.synthesis.yosys import Job, finishing_script, script
from qcompiler.devices import load_device


def commands(device, **options):
    job = Job("net", ("a.v", "net.v"), load_device(device), **options)
    return [*script(job), *finishing_script(job)]


def test_ecp5():
    assert commands("ecp5-25k") == [
        "read_verilog a.v",
        "read_verilog net.v",
        "hierarchy -check -top net",
        "select -write inputs.txt */i:*",
        "dump -o top.il net",
        "techmap -map _chains.v A:qcc_chains",
        "synth_ecp5  -top net",
        "delete t:$scopeinfo",
        "write_json netlist.json",
        "write_verilog -noattr netlist.v",
    ]


@pytest.mark.parametrize(
    ("device", "dsp", "expected"),
    [
        ("ecp5-25k", False, "synth_ecp5 -nodsp -top net"),
        ("ice40-up5k", True, "synth_ice40 -device u -top net -run map_ram:"),
        ("ice40-up5k", False, "synth_ice40 -device u  -top net"),
        ("generic", True, "synth -flatten -top net -run begin:fine"),
    ],
)
def test_dsp_options(device, dsp, expected):
    assert expected in commands(device, dsp=dsp)


XILINX = "synth_xilinx -family xcup -flatten -noiopad -noclkbuf  -top net -run begin:coarse"


@pytest.mark.parametrize(("device", "packer"), [("ice40-up5k", "ice40_dsp"), ("zu3eg", XILINX)])
def test_what_multipliers_take_in_is_written_before_it_is_optimized(device, packer):
    lines = commands(device)
    between = lines[lines.index(packer) + 1 : lines.index("write_json -selected packed.json")]
    assert set(between) <= {"chtype -set $mul t:$__soft_mul", "opt_clean", "select net"}
    assert "write_json -selected packed.json" not in commands(device, dsp=False)


def test_registers_stay_outside_of_multipliers_of_nexus():
    lines = commands("lifcl-40")
    assert "techmap -map +/lattice/dsp_map_nexus.v" in lines
    assert not any("lattice_dsp_nexus" in line for line in lines)
    assert "synth_nexus -noiopad -nodsp -top net" in commands("lifcl-40", dsp=False)


def test_wrapper_is_synthesized_around_the_finished_netlist():
    lines = commands("lifcl-40", wrapped=True)
    assert lines[lines.index("read_verilog wrapper.v") + 1] == "synth_nexus -top qcc_wrapper"
    assert lines.index("write_verilog -noattr netlist.v") < lines.index("design -stash finished")


@pytest.mark.parametrize("top", ["net; exec", "a b", "a\nb", "$(x)", "", "1a", "größe"])
def test_name_of_top_must_be_plain(top):
    with pytest.raises(ValueError, match="must be an identifier"):
        Job(top, ("a.v",), load_device("generic"))


@pytest.mark.parametrize("source", ["a b.v", "../a.v", "a.sv", "-x.v", "a;b.v", "a.v\n"])
def test_names_of_files_must_be_plain(source):
    with pytest.raises(ValueError, match=r"must be called like name\.v"):
        Job("net", (source,), load_device("generic"))
