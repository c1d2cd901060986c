"""The C++ that ties one design's ports to the generic harness, and the check that they fit."""

import re

from qcompiler.backends.simulators.base import RtlDesign, SimulationError

PREFIX = "Vdut"
"""Name of the class that Verilator makes; not the top module's, which C++ might not like."""

# Verilator declares `VL_IN8(&ap_clk,0,0);` and `VL_OUTW(&m_axis_0_tdata,135,0,5);`.
_PORT = re.compile(r"VL_(IN|OUT)\w*\(&?(\w+),(\d+),(\d+)")


def glue_source(design: RtlDesign) -> str:
    """Returns main(): it lists the ports of `design` and hands over to the harness."""
    ports = "\n".join(
        f'    bench.ports.push_back(Port{{"{p.name}", {str(p.direction == "in").lower()}, '
        f"{p.bytes_per_beat}, BYTES({p.name}_tdata), BYTES({p.name}_tvalid)"
        + "".join(f", BYTES({p.name}_{wire})" for wire in ("tready", "tlast") if p.handshake)
        + "});"
        for p in design.ports
    )
    return f"""#include "harness.cpp"
#include "{PREFIX}.h"

#define BYTES(signal) reinterpret_cast<uint8_t*>(&top.signal)

int main(int argc, char** argv) {{
    if (argc != 2) return 2;
    Bench bench{{argv[1]}};
    VerilatedContext context;
    // Unreset registers start with random bits, so a missing reset shows.
    context.randReset(2);
    context.randSeed(int(bench.config.seed));
    {PREFIX} top{{&context, "dut"}};
{ports}
    const int status = bench.run(BYTES(ap_clk), BYTES(ap_rst_n), [&top] {{ top.eval(); }});
    top.final();
    return status;
}}
"""


def check_ports(design: RtlDesign, header: str) -> None:
    """Compares the ports of `design` with what Verilator's class has.

    Args:
        design: what was asked for.
        header: text of `Vdut.h`.

    Raises:
        SimulationError: a port is missing, extra, or has another direction or width.
    """
    found = {
        name: (direction, int(high) - int(low) + 1)
        for direction, name, high, low in _PORT.findall(header)
    }
    wanted = {"ap_clk": ("IN", 1), "ap_rst_n": ("IN", 1)}
    for port in design.ports:
        forward, backward = ("IN", "OUT") if port.direction == "in" else ("OUT", "IN")
        for direction, wires in ((forward, port.forward), (backward, port.backward)):
            wanted |= {f"{port.name}_{wire}": (direction, width) for wire, width in wires.items()}
    faults = [
        f"{name}: expected {_describe(wanted.get(name))}, found {_describe(found.get(name))}"
        for name in sorted(wanted.keys() | found.keys())
        if wanted.get(name) != found.get(name)
    ]
    if faults:
        raise SimulationError(f"{design.top}: ports do not fit: " + "; ".join(faults))


def _describe(port: tuple[str, int] | None) -> str:
    if port is None:
        return "no such port"
    direction, width_bits = port
    return f"{'input' if direction == 'IN' else 'output'} of {width_bits} bits"
