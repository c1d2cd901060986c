"""Memories move into look-up tables where block memories run out, and no further."""

from pathlib import Path

import numpy as np
import pytest
from stream_networks import StreamNetwork, channel
from xdsl.utils.exceptions import VerifyException

import qcompiler
from qcompiler.analysis.area.process_area import network_area
from qcompiler.analysis.network import Network
from qcompiler.arith.ranges import IntRange
from qcompiler.dialects import stream
from qcompiler.folding.budget import Budget
from qcompiler.folding.memories import spare_blocks

EXAMPLE = Path(__file__).parents[3] / "examples" / "digits_cnn" / "digits_cnn_qdq.onnx"
NIBBLE = IntRange(0, 15)
DEPTHS = 200, 100, 400
"""Of three FIFOs of 64 bits, which take two block memories each."""


def network():
    n = StreamNetwork()
    for depth in DEPTHS:
        n.output(stream.FifoOp(n.input(channel(NIBBLE, (6400,), 16)), depth))
    found = Network.of(n.module())
    assert found is not None
    return found


def budget(brams, luts=0, device="ecp5-25k"):
    found = Budget.of(device, luts=luts, brams=brams)
    assert found is not None
    return found


def moved(found):
    return [depth for depth, p in zip(DEPTHS, found.processes, strict=True) if p.ram_style]


@pytest.mark.parametrize(
    ("brams", "depths"), [(6, []), (4, [100]), (3, [200, 100]), (2, [200, 100]), (1, [*DEPTHS])]
)
def test_the_cheapest_move_and_no_more(brams, depths):
    found = network()
    kept = spare_blocks(found, budget(brams))
    assert moved(found) == depths
    assert kept.area == network_area(found, "ecp5")
    assert kept.area.brams <= brams
    assert kept.before.brams == 2 * len(DEPTHS)
    assert (kept.block_price is None) == (not depths)


def test_a_move_that_a_dearer_one_makes_needless_goes_back():
    """Two of four blocks are too many: the shallow one is cheaper a block, but does not suffice."""
    n = StreamNetwork()
    n.output(stream.FifoOp(n.input(channel(NIBBLE, (4096,), 8)), 100))  # a block
    n.output(stream.FifoOp(n.input(channel(NIBBLE, (7200,), 24)), 128))  # three
    found = Network.of(n.module())
    assert found is not None
    assert spare_blocks(found, budget(1)).area.brams == 1
    assert [p.ram_style for p in found.processes] == [None, "distributed"]


@pytest.mark.parametrize("limits", [(1, 300, "ecp5-25k"), (1, 0, "ice40-up5k")])
def test_nothing_moves_where_that_does_not_help(limits):
    """Tables do not suffice, or cannot be memories."""
    found = network()
    kept = spare_blocks(found, budget(*limits))
    assert moved(found) == []
    assert kept.area == kept.before


def test_memories_of_an_earlier_budget_go_back():
    found = network()
    spare_blocks(found, budget(1))
    spare_blocks(found, budget(6))
    assert moved(found) == []


def test_another_style_is_refused():
    found = network()
    found.processes[0].ram_style = "ultra"
    with pytest.raises(VerifyException, match=r"ram_style must be one of block, distributed"):
        found.processes[0].verify()


def test_a_search_uses_tables_for_blocks(tmp_path):
    few = {"device": "ecp5-25k", "max_brams": 1}
    fast = qcompiler.compile(EXAMPLE, **few)
    bound = qcompiler.compile(EXAMPLE, device="ecp5-25k")
    assert fast.timing.cycles_per_frame == bound.timing.cycles_per_frame
    assert fast.report().area["BRAM"] <= 1
    details = [layer.detail for layer in fast.report().layers]
    assert any(detail.get("ram_style") == "distributed" for detail in details)


@pytest.mark.simulation
def test_the_verilog_asks_for_tables_and_computes_the_same(tmp_path):
    design = qcompiler.compile(EXAMPLE, cycles=1152, device="ecp5-25k", max_brams=1)
    design.write(tmp_path / "out")
    texts = [file.read_text() for file in (tmp_path / "out" / "rtl").glob("*.v")]
    assert any('ram_style = "distributed"' in text for text in texts)
    x = np.random.default_rng(0).integers(0, 17, (3, 1, 8, 8)).astype(np.float32)
    np.testing.assert_array_equal(design.simulate(x), design.predict(x))
