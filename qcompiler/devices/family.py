"""What is known of a family of parts: a class that answers for its cells and its tools.

`families/` has a file for each family that ships; users add their own with
`qcompiler.extend.add_family`.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct, field
from msgspec.structs import replace

from qcompiler.devices.device import Delays, Device
from qcompiler.devices.memories import Memory, Placement, Ram, place
from qcompiler.devices.spare_pins import SparePins
from qcompiler.devices.words import Options

KINDS = ("LUT", "FF", "BRAM", "LARGE", "DSP", "CARRY", "LUTRAM")
"""Resources, in the units that data sheets count.

`LUT` has carry cells and distributed memories in it, where these take up look-up tables. `CARRY`
and `LUTRAM` count the cells themselves. A 9 x 9 multiplier is half a `DSP`.
"""

PACKED_JSON = "packed.json"
"""The netlist behind the passes that move registers into multipliers, where there are such."""

USUAL_DELAYS = Delays(0.6, 1.2, 2.2, 0.05, 6.0, 3.5, 6.5, 0.85)
"""Those of a slow 40 nm part, so that registers are many enough."""

UNFITTED: Mapping[str, float] = {
    "adder_bits": 0.0, "bank_mux_luts": 1.3, "compare_bits": 0.5, "const_compare_bits": 0.3,
    "read_first": 8.0, "register_file_bits": 0.7,
}  # fmt: skip
"""Look-up tables that a feature costs where nothing was fitted; 1 for others."""

PIECE_BITS = 17
"""With a sign bit, this many fit in the hard multipliers of every part that has 18 bits."""


class Multiplier(Struct, frozen=True):
    """A family's hard multipliers, and when they are used.

    Attributes:
        factors: widths in bits, the longer one first.
        signed_only: whether numbers without a sign need a bit more.
        least_product: bits that the product must have; below, logic is taken.
        least_factor: the same of each factor.
    """

    factors: tuple[int, int]
    signed_only: bool = False
    least_product: int = 9
    least_factor: int = 2

    def count(self, a: int, b: int, product: int) -> int:
        """Returns how many multiply numbers of `a` and `b` bits, of which `product` bits are used.

        0 if logic does. Both are two's complement. Longer factors are cut into pieces.
        """
        long, short = max(a, b), min(a, b)
        if short < self.least_factor or product < self.least_product:
            return 0
        return self._pieces(long, self.factors[0]) * self._pieces(short, self.factors[1])

    def _pieces(self, width: int, most: int) -> int:
        """Returns how many pieces of a factor hard blocks multiply; a last one may be too short."""
        if width <= most:
            return 1
        each = most - self.signed_only
        full = -(-(width - most) // each)
        return full + (width - full * each >= self.least_factor)


class Placer(Struct, frozen=True):
    """How a nextpnr of a wheel is called.

    Attributes:
        module: of Python, in the wheel.
        entry: its function that runs the tool.
        output: option for the placed design, and the file's name.
        options: what a device file may say to it: the part.
        pins: option for the file of pins, ending where the name `PINS` goes; empty where it has
            none.
        pin_line: of that file.
        packer: what makes a bitstream of the output: function, arguments; None without.
        settings: options of ours for every design.
    """

    module: str
    entry: str
    output: tuple[str, str]
    options: Options
    pins: tuple[str, ...] = ()
    pin_line: str = ""
    packer: tuple[str, tuple[str, ...]] | None = None
    settings: tuple[str, ...] = ()


PINS = "pins.txt"
"""The file of pins that a placer reads."""


class Family(Struct, frozen=True, eq=False, kw_only=True, dict=True):
    """What the parts of a family have in common. A subclass has methods of its own.

    Attributes:
        name: in device files; that of the module, if it ships.
        inputs: of a look-up table.
        table_costs: of functions of one, two and so on inputs, as the tool that maps logic has
            them; the same for all that fit a table if they are not given.
        widest: inputs of the widest function that tables make with free multiplexers behind them.
        chain: how carries are made: `pair` (cells of two bits that take two tables and both
            operands), `xor` (the sum of each place is made in a table before), `table` (each place
            takes a table), `logic` (none).
        shortest_chain: places from which on carries have a chain; fewer are gates.
        adds_three: whether a table a place, of two outputs, adds three numbers.
        free_inverters: whether what only inverts takes no table.
        multiplier: None without.
        logic_rom_bit: price of a constant bit in logic, see `Ram`.
        rams: kinds of memories.
        absorbs: whether multipliers and block memories take registers, see `finish`.
        constants_for: so many multipliers share two tables of constants; 0 if there are none.
        shift_registers: registers in a row from which on tables take them; 0 if they never do.
        factors: look-up tables that one of each feature takes, as `benchmarks/fit_costs.py` found.
        delays: of parts that do not say.
        costs: by a pattern of names of cells, what one takes of `KINDS`; the first that matches
            counts.
        spare_pins: by cell, which inputs may be left open.
        constants: cells that make a constant, and which.
        models: simulation models in Yosys' folder of cell libraries; none if Yosys writes the
            cells as expressions.
        own_models: Verilog with models that Yosys does not have, or a file of it.
        model_registers: by cell of ours, parameters by which it has registers, and the value that
            it knows.
        commands: synth commands of Yosys that build for the family.
        files: what the commands read, by name.
        placers: by name.
    """

    name: str
    inputs: int = 4
    table_costs: tuple[int, ...] = ()
    widest: int = 4
    chain: Literal["pair", "xor", "table", "logic"] = "table"
    shortest_chain: int = 3
    adds_three: bool = False
    free_inverters: bool = False
    multiplier: Multiplier | None = None
    logic_rom_bit: float = 1 / 16
    rams: tuple[Ram, ...] = ()
    absorbs: bool = False
    constants_for: int = 0
    shift_registers: int = 0
    factors: Mapping[str, float] = field(default_factory=dict[str, float])
    delays: Delays = USUAL_DELAYS
    costs: tuple[tuple[str, Mapping[str, float]], ...] = ()
    spare_pins: Mapping[str, SparePins] = field(default_factory=dict[str, SparePins])
    constants: Mapping[str, str] = field(default_factory=lambda: {"GND": "0", "VCC": "1"})
    models: tuple[str, ...] = ()
    own_models: Path | str = ""
    model_registers: Mapping[str, Mapping[str, str]] = field(
        default_factory=dict[str, Mapping[str, str]]
    )
    commands: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    placers: Mapping[str, Placer] = field(default_factory=dict[str, Placer])

    def without_multipliers(self) -> "Family":
        """Returns the rules of a part that has none, or may not use them."""
        return replace(self, multiplier=None)

    def place(self, memory: Memory) -> Placement:
        """Returns where a memory is kept."""
        if memory not in self._placed:
            self._placed[memory] = place(self.rams, memory, self.logic_rom_bit)
        return self._placed[memory]

    @cached_property
    def _placed(self) -> dict[Memory, Placement]:
        return {}  # a folding search asks for the same ones thousands of times

    def luts(self, features: Mapping[str, float]) -> float:
        """Returns how many look-up tables features of hardware take."""
        return sum(
            self.factors.get(feature, UNFITTED.get(feature, 1.0)) * number
            for feature, number in features.items()
        )

    def count_cells(self, cells: Mapping[str, int]) -> dict[str, int]:
        """Returns how much of each of `KINDS` the cells take, halves rounded up.

        Args:
            cells: number of cells by type; types without a cost, such as wide multiplexers, are
                fine.
        """
        total: dict[str, float] = dict.fromkeys(KINDS, 0.0)
        none: Mapping[str, float] = {}
        for type_, number in cells.items():
            costs = (cost for pattern, cost in self.costs if re.fullmatch(pattern, type_))
            for kind, each in next(costs, none).items():
                total[kind] += each * number
        return {kind: math.ceil(total[kind]) for kind in KINDS}

    def script(self, device: Device, top: str, *, dsp: bool) -> list[str]:
        """Returns the commands of Yosys that map `top` to the device's cells."""
        options = device.synthesis.dsp if dsp else device.synthesis.no_dsp
        return [f"{device.synthesis.command} {options} -top {top}"]

    def wrapper_script(self) -> Sequence[str]:
        """Returns the commands for a mapped netlist in its wrapper, before it is placed."""
        return ()

    def finish(
        self, device: Device, module: dict[str, Any], layers: Sequence[str], *, placed: bool
    ) -> None:
        """Moves registers into hard cells, and settles where these stand if they are to be placed.

        Called if the family `absorbs`.

        Args:
            device: the part.
            module: the finished netlist, in Yosys' JSON; it is changed.
            layers: instances of the top module, in the order of the network.
            placed: whether it will be placed and routed.
        """

    def usage(self, module: Mapping[str, Any]) -> dict[str, int]:
        """Returns what a module in Yosys' JSON takes, see `count_cells`."""
        return self.count_cells(Counter(cell["type"] for cell in module["cells"].values()))


def packed_netlist(top: str) -> tuple[str, ...]:
    """Returns commands that write the netlist as `PACKED_JSON`: it is checked for lost bits."""
    return "opt_clean", f"select {top}", f"write_json -selected {PACKED_JSON}", "select -clear"


class Rules(Struct, frozen=True):
    """What a family makes of arithmetic.

    Attributes:
        multiplier: hard ones, None without.
        shortest_chain: places from which on carries have a chain; fewer are gates.
        adds_three: whether a table a place adds three numbers.
    """

    multiplier: Multiplier | None
    shortest_chain: int
    adds_three: bool = False
