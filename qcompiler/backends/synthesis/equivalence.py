"""Proves that a netlist does what the Verilog does, register by register, as far as Yosys comes.

Signals of both that have the same name, registers among them, are thought to be equal. If they are
in one cycle, they must be in the next: then they always are. What a hard cell keeps inside, such as
an operand's register of a multiplier, has no partner in the Verilog; what depends on it stays open.
So does a wire that synthesis cut in another way and called the same nevertheless.
"""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from qcompiler.backends.scratch import scratch_folder
from qcompiler.backends.simulators import RtlDesign
from qcompiler.backends.synthesis.models import only_modules
from qcompiler.backends.synthesis.tools import Limits, SynthesisError
from qcompiler.backends.synthesis.yosys import NETLIST_VERILOG, run_script
from qcompiler.progress import Progress

_STAGES = (
    "equiv_struct",
    "equiv_simple -undef",
    "equiv_induct -seq 1",
    "equiv_induct -undef -seq 4",
)
_FLAT = (
    "proc",
    "flatten",
    "delete t:$scopeinfo",
    "memory -nomap",
    "memory_map",
    "opt -full",
    "techmap",
    "async2sync",
    "dffunmap",
    "simplemap",
    "opt -fast -full",
    "opt_clean",
)
_COUNTS = re.compile(r"Of those cells (\d+) are proven and (\d+) are unproven")
_OPEN = re.compile(r"^ *Unproven \$equiv \S+: \\(\S+)_gold\b", re.MULTILINE)


@dataclass(frozen=True)
class Equivalence:
    """How far the proof came.

    Attributes:
        device: of the netlist.
        pairs: bits of signals that both have.
        proven: of these; all of them, or else only if the others are equal, too.
        open: names of signals of which some bits are not proven.
        seconds: it took.
        stopped: why it ended before its last step; None if it did not.
    """

    device: str
    pairs: int
    proven: int
    open: tuple[str, ...]
    seconds: float
    stopped: str | None = None

    @property
    def passed(self) -> bool:
        """Whether the netlist is proven to do what the Verilog does."""
        return self.pairs > 0 and self.proven == self.pairs


def prove_netlist(
    rtl: RtlDesign, netlist: RtlDesign, device: str, seconds: float, progress: Progress
) -> Equivalence:
    """Returns how far a proof comes that a netlist does what the Verilog does.

    Args:
        rtl: the Verilog, with what its memories hold beside it.
        netlist: as `netlist_design` gives it.
        device: its name.
        seconds: that all steps together may take.
        progress: told what goes on.

    Raises:
        SynthesisError: Yosys is absent, or cannot read the netlist.
    """
    start = time.monotonic()
    found = Equivalence(device, 0, 0, (), 0.0)
    with scratch_folder(prefix="qcompiler-equivalence") as folder:
        _put_files(rtl, netlist, folder)
        stages = [_beginning(rtl, netlist), *([stage] for stage in _STAGES)]
        for number, stage in enumerate(stages):
            left = seconds - (time.monotonic() - start)
            if number and left <= 0:
                return _ended(found, start, "its limit of time was reached")
            progress(f"proving the netlist: {stage[-1] if number else 'reading'}")
            try:
                found = _step(folder, number, stage, Limits(max(left, 1.0)), found)
            except SynthesisError as error:
                if error.limit is None:
                    raise
                return _ended(found, start, f"its limit of {error.limit} was reached")
            if found.passed:
                break
    return _ended(found, start, None)


def _ended(found: Equivalence, start: float, stopped: str | None) -> Equivalence:
    seconds = round(time.monotonic() - start, 1)
    return Equivalence(found.device, found.pairs, found.proven, found.open, seconds, stopped)


def _put_files(rtl: RtlDesign, netlist: RtlDesign, folder: Path) -> None:
    """Copies what Yosys reads; of models of cells, those of the netlist only."""
    memories = {path for source in rtl.sources for path in source.parent.glob("*.mem")}
    for path in (*rtl.sources, *memories):
        (folder / path.name).write_bytes(path.read_bytes())
    texts = {path.name: path.read_text(encoding="utf-8") for path in netlist.sources}
    used = texts[NETLIST_VERILOG]
    for name, text in texts.items():
        kept = text if name == NETLIST_VERILOG else only_modules(text, used)
        (folder / f"gate_{name}").write_text(kept, encoding="utf-8")


def _beginning(rtl: RtlDesign, netlist: RtlDesign) -> list[str]:
    """Returns the commands that put both side by side."""
    top = rtl.top
    gold = [f"read_verilog {path.name}" for path in rtl.sources]
    gate = [f"read_verilog -sv -nooverwrite gate_{path.name}" for path in netlist.sources]
    return [
        *gold, f"hierarchy -check -top {top}", *_FLAT, f"rename {top} gold",
        "write_rtlil gold.il", "design -reset",
        *gate, f"hierarchy -check -top {top}", *_FLAT, f"rename {top} gate",
        "read_rtlil gold.il", "equiv_make gold gate equiv", "hierarchy -top equiv",
    ]  # fmt: skip


def _step(
    folder: Path, number: int, stage: Sequence[str], limits: Limits, found: Equivalence
) -> Equivalence:
    """Runs one step on what the step before left; returns what is proven then."""
    before = [f"read_rtlil step{number - 1}.il"] if number else []
    commands = [*before, *stage, "equiv_status", f"write_rtlil step{number}.il"]
    run_script(commands, folder, limits, lambda words: None, f"step{number}")
    log = (folder / f"step{number}.log").read_text(encoding="utf-8", errors="replace")
    status = log[log.rfind("equiv_status") :]
    open_ = tuple(dict.fromkeys(_OPEN.findall(status)))
    counts = _COUNTS.search(status)
    if counts is not None:
        proven, unproven = int(counts[1]), int(counts[2])
        return Equivalence(found.device, proven + unproven, proven, open_, 0.0)
    return found
