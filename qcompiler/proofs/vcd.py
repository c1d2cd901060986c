"""What happened in a circuit, cycle by cycle, as a value change dump (VCD).

Source: IEEE Std 1364-2005, clause 18, for value change dumps.
"""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Trace:
    """What happened, cycle by cycle.

    Attributes:
        block: name.
        signals: names and widths.
        cycles: of each cycle, the values; None for unknown ones.
        words: what is wrong in the last one.
    """

    block: str
    signals: list[tuple[str, int]]
    cycles: list[list[int | None]]
    words: str

    def write(self, path: Path) -> None:
        """Writes it as VCD, a cycle in 10 ns."""
        lines = [
            f"$comment {self.block}: {self.words} $end",
            "$timescale 1ns $end",
            f"$scope module {self.block} $end",
            "$var wire 1 ! ap_clk $end",
        ]
        ids = [f"s{number}" for number in range(len(self.signals))]
        for mark, (name, width) in zip(ids, self.signals, strict=True):
            lines.append(f"$var wire {width} {mark} {name.replace('.', '_')} $end")
        lines += ["$upscope $end", "$enddefinitions $end"]
        before: list[int | None] = [-1] * len(ids)
        for number, values in enumerate(self.cycles):
            lines += [f"#{10 * number}", "1!"]
            for mark, (_, width), value, old in zip(ids, self.signals, values, before, strict=True):
                if value != old:
                    bits = "x" if value is None else format(value, "b")
                    lines.append(f"b{bits} {mark}" if width > 1 else f"{bits}{mark}")
            lines += [f"#{10 * number + 5}", "0!"]
            before = values
        write_whole(path, "\n".join(lines) + "\n")


def write_whole(path: Path, text: str) -> None:
    """Writes a file whole or not at all, also if the program is interrupted."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
