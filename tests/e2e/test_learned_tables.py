"""Networks of learned tables: what each neuron looks up is what the Verilog gives."""

import numpy as np
import pytest

import qcompiler
from qcompiler.backends.verification import verify


def tables(random, inputs, neurons, fan_in, bits, bound):
    sources = np.stack([random.integers(0, inputs, fan_in) for _ in range(neurons)])
    return sources, random.integers(-bound, bound + 1, (neurons, 1 << fan_in * bits))


def looked_up(x, sources, entries, bits, lo):
    address = sum((x[:, column] - lo) << bits * i for i, column in enumerate(sources.T))
    return entries[np.arange(len(sources)), address]


@pytest.mark.simulation
@pytest.mark.parametrize(("cycles", "rows"), [(1, 1), (48, 3)])
def test_layers_of_tables(cycles, rows, tmp_path):
    random = np.random.default_rng(cycles + rows)
    one = tables(random, 12, 9, 3, 2, 1)  # codes from -1 to 1 take two bits
    two = tables(random, 9, 5, 2, 2, 20)
    np.savez(tmp_path / "t.npz", s1=one[0], e1=one[1], s2=two[0], e2=two[1])
    (tmp_path / "n.qnn").write_text(
        f"network n(x: int2[1, {rows}, 12]) {{\n"
        '  h = lookup(x, sources: load("t.npz", "s1"), entries: load("t.npz", "e1"))\n'
        '  return lookup(h, sources: load("t.npz", "s2"), entries: load("t.npz", "e2"))\n}\n'
    )
    design = qcompiler.compile(tmp_path / "n.qnn", cycles=cycles)
    x = random.integers(-2, 2, (40, 1, rows, 12))
    flat = x.reshape(-1, 12)
    wanted = looked_up(looked_up(flat, *one, 2, -2), *two, 2, -1).reshape(40, 1, rows, 5)
    np.testing.assert_array_equal(design.predict(x).reshape(wanted.shape), wanted)
    assert verify(design.write(tmp_path / "design"), vectors=40).passed
