"""The xDSL target `verilog`: `xdsl-opt -t verilog` and `qcc opt` print through it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.target import Target

from qcompiler.backends.verilog.emit import emit_verilog


@dataclass(frozen=True)
class VerilogTarget(Target):
    """Prints all modules one after the other, with the contents of memories in place."""

    name = "verilog"

    def emit(self, ctx: Context, module: ModuleOp, output: IO[str]) -> None:
        """Writes Verilog-2005.

        Raises:
            ValueError: something has no Verilog; all such things are listed.
        """
        output.write(emit_verilog(module, inline_memory_bits=None).verilog())
