"""What a package is made of: a written design, its shell, and where the files of both go."""

import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from qcompiler.backends.layout import IMAGE, MAP, Layout
from qcompiler.backends.verilog.emit import emit_verilog
from qcompiler.backends.written import load_design
from qcompiler.errors import ModelError, Problem
from qcompiler.rtl.blocks.top import padded_width
from qcompiler.rtl.blocks.weight_writer import PORT
from qcompiler.rtl.shell import Shell, ShellPort, build_shell
from qcompiler.version import VERSION

RTL, BENCH, CONSTRAINTS, WEIGHTS = "rtl", "tb", "constraints", "weights"


@dataclass(frozen=True)
class Identity:
    """How IP-XACT and FuseSoC call a core: vendor, library, name and version.

    Attributes:
        vendor: whose it is, often a domain.
        library: of the vendor's.
        version: of the core.
    """

    vendor: str = "user"
    library: str = "qcompiler"
    version: str = "1.0"

    def problems(self) -> list[Problem]:
        """Returns what is wrong with the words."""
        forms = {
            "vendor": r"[A-Za-z][\w.-]*",
            "library": r"[A-Za-z]\w*",
            "version": r"\d+(\.\d+){1,2}",
        }
        remedies = {
            "vendor": "begin with a letter; then letters, digits and . - _",
            "library": "begin with a letter; then letters, digits and _",
            "version": "give two or three numbers, such as 1.0",
        }
        return [
            Problem(f"--{name}", f"cannot be {getattr(self, name)!r}", remedies[name])
            for name, form in forms.items()
            if not re.fullmatch(form, getattr(self, name), re.ASCII)
        ]


@dataclass(frozen=True)
class Contents:
    """A package while it is written.

    Attributes:
        source: directory of the design.
        folder: that it is written to.
        design: name of the design's own top module.
        shell: the module around it, which others instantiate.
        sources: Verilog in `rtl/`, what is instantiated first.
        memories: contents of memories in `rtl/`.
        bench: the test bench in `tb/`, and its vectors.
        beats: of a frame, by stream.
        mhz: the clock that the design was made for.
        identity: vendor, library, version.
        description: one line.
    """

    source: Path
    folder: Path
    design: str
    shell: Shell
    sources: tuple[str, ...]
    memories: tuple[str, ...]
    bench: tuple[str, ...]
    beats: Mapping[str, int]
    mhz: float
    identity: Identity
    description: str

    @property
    def top(self) -> str:
        """Name of the shell."""
        return self.shell.top.sym_name.data

    @property
    def vlnv(self) -> str:
        """Vendor, library, name and version, as both kinds of package have them."""
        one = self.identity
        return f"{one.vendor}:{one.library}:{self.design}:{one.version}"

    def write(self, name: str, text: str) -> str:
        """Writes a text file and returns its name."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return name


def gather(directory: Path, folder: Path, identity: Identity, *, status: bool) -> Contents:
    """Copies a written design to `folder`, with its shell, and returns what is there.

    Raises:
        ModelError: the directory holds no design, or one without what was asked for.
    """
    design, rtl = load_design(directory)
    if status and not design.network.has_handshake:
        what = "has ports without a handshake: they never stall, and cannot be held in reset"
        remedy = "compile it with --interface stream, or leave out --status"
        raise ModelError([Problem(str(directory), what, remedy)])
    sources = [source for _, source in design.network.sources]
    ports = [
        ShellPort(
            port.name,
            port.direction == "in",
            padded_width(port.width_bits),
            port.beats,
            port.handshake,
        )
        for port, _ in design.ports
    ]
    written = [source for source in sources if source.is_writable]
    read = [source for source in sources if not source.is_writable]
    if written:
        beats = sum(source.bus_beats for source in written)
        inputs = sum(port.is_input for port in ports)
        ports.insert(inputs, ShellPort(PORT, True, written[0].bus_bits, beats, True))
    taken = {path.stem for path in rtl.sources}
    name = _free(f"{rtl.top}_shell", taken)
    bus_bits = read[0].bus_bits if read else None
    shell = build_shell(rtl.top, name, ports, with_status=status, bus_bits=bus_bits)
    made = emit_verilog(shell.module).files
    place = folder / RTL
    place.mkdir(parents=True)
    memories = _plainly_named(rtl.sources[0].parent.glob("*.mem"))
    for path in (*rtl.sources, *memories):
        shutil.copyfile(path, place / path.name)
    for file, text in made.items():
        (place / file).write_text(text, encoding="utf-8")
    if read:
        _copy_weights(directory, folder)
    origin = "" if design.origin is None else f" from {design.origin.file}"
    return Contents(
        directory,
        folder,
        rtl.top,
        shell,
        tuple(f"{RTL}/{file}" for file in (*(p.name for p in rtl.sources), *made)),
        tuple(f"{RTL}/{path.name}" for path in memories),
        _bench(directory, folder, rtl.top),
        {port.name: port.beats for port in ports},
        design.mhz,
        identity,
        _plain(f"quantized neural network {rtl.top}{origin}, compiled by qcompiler {VERSION}"),
    )


def _plain(text: str) -> str:
    """Returns a line of description: a model's file may be called anything."""
    return re.sub(r"[^\w .,-]", "_", text, flags=re.ASCII)


def _plainly_named(paths: Iterable[Path]) -> list[Path]:
    """Returns the paths whose names can stand in any list of files; ours all can."""
    return sorted(path for path in paths if re.fullmatch(r"\w[\w.]*", path.name, re.ASCII))


def _free(name: str, taken: set[str]) -> str:
    """Returns a name that no name which is taken begins with."""
    while any(other.startswith(name) for other in taken):
        name += "_"
    return name


def _copy_weights(directory: Path, folder: Path) -> None:
    """Copies the image of the memory that the design reads, and what says where each weight is."""
    place = folder / WEIGHTS
    place.mkdir()
    for name in (IMAGE, MAP):
        shutil.copyfile(Layout(directory).weights / name, place / name)


def _bench(directory: Path, folder: Path, top: str) -> tuple[str, ...]:
    """Copies the test bench; its vectors are found where it runs, as memories are."""
    source = Layout(directory).testbench
    bench = source / f"{top}_tb.v"
    if not bench.is_file():
        what = f"lacks {bench.relative_to(directory)}"
        raise ModelError([Problem(str(directory), what, "compile it again")])
    place = folder / BENCH
    place.mkdir()
    text = bench.read_text(encoding="utf-8")
    files = [bench, *_plainly_named(source.glob(f"{top}_tb_*.mem"))]
    for vectors in files[1:]:
        shutil.copyfile(vectors, place / vectors.name)
        text = re.sub(rf'"[./]*{BENCH}/{re.escape(vectors.name)}"', f'"{vectors.name}"', text)
    head, _, body = text.partition("`ifndef")
    said = (
        f"{head.splitlines()[0]}\n// It runs where its vectors and the design's .mem files are.\n"
    )
    (place / bench.name).write_text(f"{said}`ifndef{body}", encoding="utf-8")
    return tuple(f"{BENCH}/{path.name}" for path in files)
