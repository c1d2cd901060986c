"""Emitted Verilog computes what the IR means, and what CIRCT's own Verilog computes."""

from pathlib import Path

from random_hardware import INPUTS, evaluate, random_module, random_stimuli
from rtl_testing import circt_verilog, parse, simulate, write
from xdsl.dialects import hw
from xdsl.dialects.builtin import ModuleOp

from qcompiler.backends.verilog.emit import emit_verilog
from qcompiler.backends.verilog.legalize import value_width

CYCLES = 200
MODULES = {3: 60, 1002: 250, 11: 120}
"""Number of random steps by seed."""


def _outputs(module: ModuleOp) -> dict[str, int]:
    top = module.body.block.first_op
    assert isinstance(top, hw.HWModuleOp)
    output = top.body.block.last_op
    assert output is not None
    return {f"y{i}": value_width(value) for i, value in enumerate(output.operands)}


def _wrapper(instances: dict[str, dict[str, int]]) -> str:
    """Returns a top module with every instance on the same inputs."""
    ports = ["input clk", *(f"input [{w - 1}:0] {n}" for n, w in INPUTS.items())]
    body: list[str] = []
    for name, outputs in instances.items():
        ports += (f"output [{w - 1}:0] {name}_{port}" for port, w in outputs.items())
        connections = [f".{n}({n})" for n in ("clk", *INPUTS)]
        connections += [f".{port}({name}_{port})" for port in outputs]
        body.append(f"{name} i_{name} ({', '.join(connections)});")
    return f"module all ({', '.join(ports)});\n{chr(10).join(body)}\nendmodule\n"


def test_python_and_circt_and_our_verilog_agree(tmp_path: Path) -> None:
    files: dict[str, str] = {}
    instances: dict[str, dict[str, int]] = {}
    expected: list[tuple[int, ...]] = [()] * CYCLES
    stimuli = random_stimuli(0, CYCLES)
    for seed, steps in MODULES.items():
        ours = parse(random_module(seed, steps, f"ours{seed}"))
        theirs = parse(random_module(seed, steps, f"theirs{seed}"))
        files |= emit_verilog(ours).files
        files[f"theirs{seed}.sv"] = circt_verilog(theirs)
        instances |= dict.fromkeys((f"ours{seed}", f"theirs{seed}"), _outputs(ours))
        values = evaluate(ours, stimuli)
        expected = [old + 2 * new for old, new in zip(expected, values, strict=True)]
    ports = {f"{m}_{port}": w for m, outs in instances.items() for port, w in outs.items()}
    # One simulation of everything: a compilation costs seconds.
    files["all.v"] = _wrapper(instances)

    rows = simulate(write(files, tmp_path), "all", INPUTS, ports, stimuli)

    # Before the first reset, registers hold anything.
    for cycle in range(1, CYCLES):
        pairs = zip(ports, rows[cycle], expected[cycle], strict=True)
        assert {p: (got, want) for p, got, want in pairs if got != want} == {}, f"cycle {cycle}"
