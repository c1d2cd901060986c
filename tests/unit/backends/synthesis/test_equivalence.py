"""`qcc verify --netlist --prove`: netlists that do what the Verilog does, and one that does not."""

import shutil

import pytest
from cli_runner import qcc
from msgspec.structs import replace

from qcompiler.backends.synthesis.equivalence import prove_netlist
from qcompiler.backends.synthesis.gate_level import netlist_design
from qcompiler.backends.synthesis.models import only_modules
from qcompiler.backends.written import load_design
from qcompiler.devices import load_device

SMALL = """\
network s(x: int2[1, 2]) {
  w: int2[2, 2] = [[1, -2], [1, 1]]
  return matmul(x, w) as "y"
}
"""


@pytest.fixture(scope="module")
def synthesized(tmp_path_factory):
    folder = tmp_path_factory.mktemp("equivalence")
    return folder, load_device("generic")


@pytest.fixture
def both(synthesized, capfd):
    """The Verilog of a small network, and its netlist."""
    folder, device = synthesized
    if not (folder / "d").exists():
        (folder / "s.qnn").write_text(SMALL, encoding="utf-8")
        assert (
            qcc(capfd, "compile", folder / "s.qnn", "--cycles", "4", "-o", folder / "d").status == 0
        )
        assert qcc(capfd, "synth", folder / "d", "--device", "generic").status == 0
    _, rtl = load_design(folder / "d")
    return rtl, netlist_design(folder / "d", rtl, device)


def proven(rtl, netlist, seconds=120):
    return prove_netlist(rtl, netlist, "generic", seconds, lambda words: None)


def test_a_netlist_is_proven(both):
    found = proven(*both)
    assert (found.passed, found.open, found.stopped) == (True, (), None)
    assert found.pairs > 20


def test_another_network_is_not(both, tmp_path):
    rtl, netlist = both
    sources = [tmp_path / shutil.copy(path, tmp_path) for path in rtl.sources]
    changed = [p for p in sources if "!spare_valid" in p.read_text(encoding="utf-8")]
    text = changed[0].read_text(encoding="utf-8")
    changed[0].write_text(text.replace("!spare_valid", "spare_valid", 1), encoding="utf-8")
    found = proven(replace(rtl, sources=tuple(sources)), netlist)
    assert not found.passed
    assert found.proven < found.pairs
    assert found.open


def test_what_takes_too_long_says_how_far_it_came(both):
    found = proven(*both, seconds=0.1)
    assert not found.passed
    assert found.stopped == "its limit of time was reached"


def test_options_that_do_nothing_are_refused(both, synthesized, capfd):
    folder, _ = synthesized
    for option in (["--prove"], ["--timeout", "5"]):
        assert qcc(capfd, "verify", folder / "d", *option).status == 2


def test_only_the_modules_of_a_netlist_are_kept():
    text = (
        "`define D 1\nmodule a(); b x(); endmodule\nmodule b(); endmodule\nmodule c(); endmodule\n"
    )
    kept = only_modules(text, "a i();")
    assert "module b" in kept
    assert "`define D 1" in kept
    assert "module c" not in kept
