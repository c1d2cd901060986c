"""Projects for vendors' tools: what is in their scripts, and what must not get there."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest

import qcompiler
from qcompiler.backends.synthesis.vendor import write_project
from qcompiler.devices import Vendor, load_device
from qcompiler.errors import ModelError

MODEL = Path(__file__).parents[4] / "examples" / "digits_mlp" / "digits_mlp.onnx"
CYCLONE = replace(
    load_device("generic"),
    name="cyclone",
    title="Cyclone V",
    vendor=Vendor("quartus", "5CSEMA5F31C6"),
)

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("edalize") is None, reason="pip install 'qcompiler-hdl[vendor]'"
)


@pytest.fixture(scope="module")
def design(tmp_path_factory):
    return qcompiler.compile(MODEL, cycles=1024).write(tmp_path_factory.mktemp("v") / "design")


def test_vivado_reads_the_memory_contents(design, capfd, caplog):
    folder = write_project(design, load_device("zynq-7020"), "vivado", None)
    script = (folder / "digits_mlp.tcl").read_text()
    contents = sorted(path.name for path in (design / "rtl").glob("*.mem"))
    assert contents
    for name in contents:
        assert f"read_mem {{{name}}}" in script
        assert (folder / name).is_file()
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


def test_quartus_finds_them_in_its_folder(design):
    folder = write_project(design, CYCLONE, "quartus", None)
    assert 'FAMILY "Cyclone V"' in (folder / "digits_mlp.tcl").read_text()
    for path in (design / "rtl").glob("*.mem"):
        assert (folder / path.name).is_file()


@pytest.mark.parametrize("title", ['Cyclone V"; exec touch x', "a [exec x]", "$x", "a\\", "a\nb"])
def test_no_commands_in_names(design, title):
    for device in (
        replace(CYCLONE, title=title),
        replace(CYCLONE, vendor=Vendor("quartus", title)),
    ):
        with pytest.raises(ModelError, match="cannot be written into a project"):
            write_project(design, replace(device, name="bad"), "quartus", None)
    assert not list((design / "synth").glob("*bad*"))
