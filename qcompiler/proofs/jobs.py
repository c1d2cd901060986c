"""The proofs of a design, each a job of its own: what is claimed, and what came of it."""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Literal, TypeAlias

from qcompiler.backends.compiled import CompiledDesign
from qcompiler.backends.layout import Layout
from qcompiler.backends.synthesis.tools import Limits, SynthesisError
from qcompiler.backends.written import load_design
from qcompiler.dialects import stream
from qcompiler.proofs.arriving import meaning_with_weights
from qcompiler.proofs.block import Block, Meaning, Refuted, TooLarge, Undecided
from qcompiler.proofs.blocks import (
    Sources,
    process_block,
    processes_of,
    slice_block,
    whole_circuit,
)
from qcompiler.proofs.circuit import Circuit
from qcompiler.proofs.explore import Explored, Explorer
from qcompiler.proofs.free_running import PipelineProof
from qcompiler.proofs.liveness import LIVENESS, Certificate, check
from qcompiler.proofs.meaning import SliceMeaning, meaning_of
from qcompiler.proofs.pipelined import PipelinedExplorer
from qcompiler.proofs.recording import held_up, record
from qcompiler.proofs.reference import Table, tables_of
from qcompiler.proofs.rules import check_ports, check_slice
from qcompiler.proofs.traces import show
from qcompiler.proofs.vcd import Trace, write_whole
from qcompiler.proofs.wiring import prove_top

Status: TypeAlias = Literal["proven", "control", "refuted", "undecided"]
"""`control`: with data left out; how many beats move, and when, but not what they hold."""

TOP = "top"


@dataclass(frozen=True)
class Effort:
    """What a proof may take.

    Attributes:
        seconds: of CPU for each block, and so many once more without its data.
        states: of its control.
        traces: whether to look for runs that show what is wrong.
    """

    seconds: float = 600.0
    states: int = 1_000_000
    traces: bool = True


@dataclass(frozen=True)
class Result:
    """What came of a proof.

    Attributes:
        name: of the block: a process, a register slice, or `top`.
        kind: operation, `register slice` or `top module`.
        status: see there.
        words: what was shown, or what is wrong.
        seconds: it took.
        trace: file in the design that shows what is wrong.
        cached: whether it is known from an earlier run.
    """

    name: str
    kind: str
    status: Status
    words: str
    seconds: float = 0.0
    trace: str | None = None
    cached: bool = False


class Proofs:
    """The proofs of a design.

    Args:
        design: at the stream level; at the nn level too, if it is of a model.
        sources: its Verilog.
        directory: receives traces, in `proofs`.
        effort: that each proof may take.
    """

    def __init__(
        self,
        design: CompiledDesign,
        sources: Sequence[Path],
        directory: Path,
        effort: Effort | None = None,
    ):
        self.design, self.directory = design, directory
        self.effort = Effort() if effort is None else effort
        self.sources = Sources(design.name, tuple(sources))
        self.processes = dict(processes_of(design))

    @staticmethod
    def read(directory: Path, effort: Effort) -> "Proofs":
        """Returns the proofs of a written design.

        Raises:
            ModelError: the directory holds no design, or one that cannot be read.
        """
        design, rtl = load_design(directory, ("nn", "qint", "stream"))
        memories = sorted(Layout(directory).rtl.glob("*.mem"))
        return Proofs(design, [*rtl.sources, *memories], directory, effort)

    @cached_property
    def tables(self) -> dict[stream.Process, Table]:
        """What requantizers compute."""
        return tables_of(self.design)

    @property
    def names(self) -> list[str]:
        """All that is to be proven: the top module, FIFO sizes, register slices, processes."""
        fifos = [LIVENESS] if self.design.network.has_handshake else []
        return [TOP, *fifos, *self.sources.slices, *self.processes]

    def kind(self, name: str) -> str:
        """Returns what a name stands for."""
        if name in self.processes:
            return self.processes[name].name.removeprefix("stream.")
        return {TOP: "top module", LIVENESS: "FIFO sizes"}.get(name, "register slice")

    def module(self, name: str) -> str:
        """Returns the module that a name stands for."""
        if name in self.processes:
            return self.sources.module_of(name)
        return self.sources.top if name in (TOP, LIVENESS) else name

    def key(self, name: str) -> str:
        """Returns a hash of all that the result of a proof depends on."""
        digest = hashlib.sha256()
        for path in sorted(Path(__file__).parent.glob("*.py")):
            digest.update(path.read_bytes())
        process = self.processes.get(name)
        files = self.sources.of(self.module(name))
        for path in files:
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
        levels = ["nn", "stream"] if isinstance(process, stream.RequantizeOp) else ["stream"]
        layout = Layout(self.directory)
        read = [layout.level(level) for level in levels] if name not in self.sources.slices else []
        for file in [*read, layout.report(LIVENESS)] if name == LIVENESS else read:
            digest.update(file.read_bytes() if file.is_file() else b"none")
        digest.update(json.dumps([name, asdict(self.effort)]).encode())
        return digest.hexdigest()

    def prove(self, name: str) -> Result:
        """Proves one of `names`."""
        start = time.monotonic()
        status, words, trace = self._attempt(name)
        seconds = round(time.monotonic() - start, 2)
        return Result(name, self.kind(name), status, words, seconds, trace)

    def _attempt(self, name: str) -> tuple[Status, str, str | None]:
        limits = Limits(self.effort.seconds)
        try:
            if name == TOP:
                return "proven", prove_top(self.sources, self.design.network, limits), None
            if name == LIVENESS:
                return self._liveness(limits)
            if name not in self.processes:
                block = slice_block(self.sources, name, limits)
                return self._block(block, SliceMeaning(), [check_slice])
            process = self.processes[name]
            if process.runs_free or process.before_it:
                raise Undecided("it is part of a chain that runs free")
            if isinstance(process, stream.PipelineOp):
                end = time.process_time() + self.effort.seconds
                most = self.effort.states
                proof = PipelineProof(self.sources, name, process, limits, most=most, end=end)
                return "proven", proof.run(), None
            block = process_block(self.sources, name, process, limits)
            meaning = meaning_with_weights(process) or meaning_of(process, self.tables)
            return self._block(block, meaning, [check_ports])
        except Refuted as refuted:
            return "refuted", str(refuted), self._written(name, refuted.trace)
        except (Undecided, SynthesisError, ValueError) as error:
            return "undecided", " ".join(str(error).splitlines()[:2]), None
        except MemoryError:
            return "undecided", "not finished: it takes more memory than there is", None

    def _written(self, name: str, trace: Trace | None) -> str | None:
        """Writes a trace into the design; returns its path there."""
        if trace is None or not self.effort.traces:
            return None
        path = self.directory / "proofs" / f"{name}.vcd"
        path.parent.mkdir(exist_ok=True)
        trace.write(path)
        return str(path.relative_to(self.directory))

    def _liveness(self, limits: Limits) -> tuple[Status, str, str | None]:
        """Checks the certificate of FIFO sizes; makes it first where there is none.

        Raises:
            Refuted: the network stops, or is slower than it must be.
            Undecided: no certificate was found in time.
        """
        path = Layout(self.directory).report(LIVENESS)
        network = self.design.network
        if network.takes_swaps:
            raise Undecided("when weights come that the host writes, no certificate says")

        @cache
        def circuit_of(name: str) -> Circuit:
            return whole_circuit(self.sources, self.module(name), limits)

        if not path.exists():
            end = time.process_time() + self.effort.seconds
            write_whole(path, json.dumps(record(network, circuit_of, end)) + "\n")
        try:
            certificate = Certificate.read(path)
            pace = check(certificate, network, circuit_of)
        except Refuted as refused:  # which says nothing of the hardware
            words = f"the certificate is refused: {refused}; without it, a new one is made"
            return "undecided", words, self._written(LIVENESS, refused.trace)
        promised = self.design.timing.cycles_per_frame
        words = f"a frame each {float(pace):g} cycles for ever"
        if pace > promised:
            raise held_up(certificate, f"{words}, not {promised}", circuit_of)
        if network.sources:
            words = f"{words} if weights are there when asked for"
        channels = f"{len(certificate.waves)} channels, steady from cycle {certificate.again} on"
        return "proven", f"{words}: {channels}", None

    def _block(
        self, block: Block, meaning: Meaning, rules: Sequence[Callable[[Block], None]]
    ) -> tuple[Status, str, str | None]:
        try:
            for rule in rules:
                rule(block)
            explored = self._explore(block, meaning)
        except Refuted as refuted:
            looks = refuted.steps and self.effort.traces
            trace = show(block, meaning, refuted) if looks else refuted.trace
            if trace is None:
                if refuted.certain or not refuted.steps:
                    return "refuted", str(refuted), None
                return "undecided", f"{refuted}; no run that shows it was found", None
            return "refuted", trace.words, self._written(block.name, trace)
        words = f"{explored.states} states, {explored.cycles} cycles"
        return "proven" if explored.data else "control", words, None

    def _explore(self, block: Block, meaning: Meaning) -> Explored:
        """Explores with data, or where that is too much without.

        Raises:
            Refuted, Undecided: as `Explorer.explore`.
        """
        end, most = time.process_time() + self.effort.seconds, self.effort.states
        if len(block.outputs) == 1:
            with suppress(Undecided):
                return PipelinedExplorer(block, meaning, data=True, most=most, end=end).explore()
        with suppress(TooLarge):
            return self._with_data(block, meaning, end)
        end = time.process_time() + self.effort.seconds
        return Explorer(block, meaning, data=False, most=most, end=end).explore()

    def _with_data(self, block: Block, meaning: Meaning, end: float) -> Explored:
        """Explores with data; again with each memory in each state if it seems to be wrong."""
        explorer = Explorer(block, meaning, data=True, most=self.effort.states, end=end)
        try:
            return explorer.explore()
        except Refuted as refuted:
            if refuted.certain or not explorer.shares:
                raise
            again = Explorer(
                block, meaning, data=True, most=self.effort.states, end=end, share=False
            )
            with suppress(TooLarge):
                return again.explore()
            raise


def known(result: Result) -> Result:
    """Returns a result of an earlier run as such."""
    return replace(result, cached=True)
