"""A core for FuseSoC (CAPI2): lint and simulation with Verilator, synthesis by what includes it."""

import json
from collections.abc import Sequence

from qcompiler.backends.package.constraints import write_constraints
from qcompiler.backends.package.contents import Contents

_HEAD = """\
CAPI=2:
# fusesoc --cores-root . run --target=lint {vlnv}
# fusesoc --cores-root . run --target=sim {vlnv}
name: "{vlnv}"
description: {description}
filesets:
"""

_TARGETS = """\
targets:
  default:
    filesets: [rtl, "tool_vivado? (xdc)", "tool_quartus? (sdc)"]
    toplevel: {top}
  lint:
    flow: lint
    flow_options:
      tool: verilator
      verilator_options: ["-Wall"]
    filesets: [rtl]
    toplevel: {top}
  sim:
    description: the test bench of {design}, which ends with PASS or an error
    flow: sim
    flow_options:
      tool: verilator
      mode: binary
      verilator_options: ["--timing", "-Wno-fatal", "-CFLAGS", "-std=c++20"]
    filesets: [rtl, tb]
    toplevel: {design}_tb
"""


def write_core(contents: Contents) -> str:
    """Writes `TOP.core` and returns its name.

    Contents of memories are copied to where tools run: `$readmemh` finds them there.
    """
    constraints = write_constraints(contents)
    sets = [
        _fileset("rtl", contents.sources, "verilogSource-2005", contents.memories),
        _fileset("tb", contents.bench[:1], "verilogSource-2005", contents.bench[1:]),
        _fileset("xdc", [constraints["xdc"]], "xdc"),
        _fileset("sdc", [constraints["sdc"]], "SDC"),
    ]
    head = _HEAD.format(vlnv=contents.vlnv, description=json.dumps(contents.description))
    targets = _TARGETS.format(top=contents.top, design=contents.design)
    return contents.write(f"{contents.design}.core", head + "".join(sets) + targets)


def _fileset(name: str, files: Sequence[str], kind: str, memories: Sequence[str] = ()) -> str:
    lines = [f"  {name}:", f"    file_type: {kind}", "    files:"]
    lines += [f"      - {file}" for file in files]
    for file in memories:
        at = file.rpartition("/")[2]
        lines.append(f"      - {file}: {{file_type: mem, copyto: {at}}}")
    return "\n".join(lines) + "\n"
