"""Counts what a hardware module takes of each kind of resource, before the fitted factors."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from msgspec import Struct, field
from xdsl.dialects import hw
from xdsl.ir import Operation

from qcompiler.analysis.area.absorbed import absorbed, operands_of
from qcompiler.analysis.area.blocks import Block, width_of
from qcompiler.analysis.area.circuit import Circuit
from qcompiler.analysis.area.gates import TRUE, Gates, cover
from qcompiler.analysis.area.instances import (
    Interface,
    groups_of,
    needless_products,
    places_of,
    port_literals,
    unread,
    whole,
)
from qcompiler.analysis.area.reach import common_nodes, counted, live_literals
from qcompiler.analysis.area.roms import (
    LEAF_BITS,
    address_bits,
    counted_rom_tables,
    rom_columns,
    rom_tables,
)
from qcompiler.analysis.area.shift_registers import Rest, Rows, shift_registers
from qcompiler.devices.family import Family, Rules
from qcompiler.devices.memories import Memory, Placement
from qcompiler.dialects import rtl
from qcompiler.rtl.sums import signs_and_width

_SAMPLE = 12
"""Of instances that have different constants at their ports, so many are looked at."""

Counts = Counter[str]
"""By feature: `ff`, `block`, `large`, `dsp` are final; the others become look-up tables."""

_Rests = dict[tuple[str, int], tuple[int, tuple[str, int, int] | None]]


class Tally(Struct):
    """Counts for all instances of a module, and for what they have in common.

    Attributes:
        own: for each instance.
        shared: once, as it depends on what is the same for all of them.
    """

    own: Counts = field(default_factory=Counter[str])
    shared: Counts = field(default_factory=Counter[str])


class Estimator:
    """Counts modules of one design; remembers what it has counted."""

    def __init__(self, modules: Mapping[str, hw.HWModuleOp], family: Family):
        self._modules = modules
        self._family = family
        self._rules = Rules(family.multiplier, family.shortest_chain, family.adds_three)
        self._known: dict[tuple[Interface, frozenset[str]], Tally] = {}
        self._circuits: dict[Interface, Circuit] = {}
        self._rows: dict[str, _Rests] = {}
        self._alone: dict[Circuit, Rows] = {}
        self._operands: dict[Interface, list[list[tuple[str, int]]]] = {}
        self._lives: dict[Circuit, set[int]] = {}
        self._needs: dict[Circuit, dict[Block, Sequence[int]]] = {}

    def count(self, name: str) -> Counts:
        """Returns the counts of a module with those of its instances."""
        return self._tally(whole(name), frozenset()).own

    def count_instances(self, name: str) -> dict[str, Counts]:
        """Returns the counts of each instance in a module, without what nothing reads of it."""
        circuit = self._circuit(whole(name))
        live = self._live(circuit)
        found: dict[str, Counts] = {}
        for block in circuit.blocks:
            if isinstance(block.op, hw.InstanceOp):
                interface = whole(block.op.module_name.string_value(), unread(block, live))
                found[block.op.instance_name.data] = self._tally(interface, frozenset()).own
        return found

    def count_alone(self, name: str) -> Counts:
        """Returns the counts of a module without its instances."""
        return self._count(self._circuit(whole(name)), frozenset(), instances=False).own

    def _tally(self, interface: Interface, shared: frozenset[str]) -> Tally:
        key = interface, shared
        if key not in self._known:
            self._known[key] = self._count(self._circuit(interface), shared)
        return self._known[key]

    def _count(self, circuit: Circuit, shared: frozenset[str], *, instances: bool = True) -> Tally:
        live, needs = self._live(circuit), self._needs[circuit]
        blocks = [b for b in circuit.blocks if b.kind == "instance" or live & set(b.makes)]
        tally = Tally()
        gone = self._absorbed(circuit, live)
        roots = [bit for output in circuit.outputs for bit in output]
        counts = Counter[str]()
        common = common_nodes(circuit, shared)
        for block in blocks:
            if block.kind == "instance":
                continue
            same = block.kind != "register" and common.issuperset(bit >> 1 for bit in block.makes)
            into = tally.shared if same else counts
            self._COUNTERS[block.kind](self, circuit, block, live, into, roots)
        counts["ff"] -= len(gone)
        self._shift_registers(circuit, counts)
        alike: defaultdict[tuple[str, ...], list[tuple[Interface, list[Block]]]]
        alike = defaultdict(list)
        for interface, group in groups_of(circuit, blocks, live).items():
            alike[interface[0], *needless_products(interface)].append((interface, group))
            roots += [bit for block in group for bit in needs[block]]
        for groups in alike.values() if instances else ():
            sample = groups[:: -(-len(groups) // _SAMPLE)]
            share = sum(len(g) for _, g in groups) / sum(len(g) for _, g in sample)
            own = Counter[str]()
            for interface, group in sample:
                each = self._instance(interface, group)
                own.update({feature: n * len(group) for feature, n in each.own.items()})
                tally.own.update(each.shared)
            tally.own.update({feature: round(n * share) for feature, n in own.items()})
        made = cover(circuit.gates, roots, self._family.inputs, self._family.table_costs)
        for node, tables in made.items():
            if node < 0 and self._family.free_inverters:
                continue
            feature = _feature(circuit.gates, abs(node))
            (tally.shared if abs(node) in common else tally.own)[feature] += tables
        tally.own.update(counts)
        same = sum(
            made >> 1 in common
            for block in blocks
            if block.kind == "register"
            for made in live & set(block.makes)
        )
        tally.own["ff"] -= same
        tally.shared["ff"] += same
        return tally

    def _live(self, circuit: Circuit) -> set[int]:
        """Returns the literals of leaves that something depends on, inside instances, too."""
        if circuit not in self._lives:
            needs: dict[Block, Sequence[int]]
            needs = {b: b.reads for b in circuit.blocks if b.kind == "instance"}
            live, more = live_literals(circuit, needs.__getitem__), len(needs) > 0
            while more:
                before = {block: unread(block, live) for block in needs}
                needs = {block: self._needed(circuit, block, live) for block in needs}
                live = live_literals(circuit, needs.__getitem__)
                more = any(unread(block, live) != before[block] for block in needs)
            self._lives[circuit], self._needs[circuit] = live, needs
        return self._lives[circuit]

    def _needed(self, circuit: Circuit, instance: Block, live: set[int]) -> Sequence[int]:
        """Returns the literals at an instance's ports on which what is read of it depends."""
        (interface,) = groups_of(circuit, [instance], live)
        inner = self._circuit(interface)
        inside = self._live(inner)
        taken = [bit for bits in inner.ports.values() for bit in bits]
        return [r for r, bit in zip(instance.reads, taken, strict=True) if bit in inside]

    def _absorbed(self, circuit: Circuit, live: set[int]) -> set[int]:
        """Returns the outputs of registers that hard cells take."""
        if not self._family.absorbs:
            return set()
        words = [
            block
            for block in circuit.blocks
            if isinstance(block.op, rtl.RomOp) and self._is_block(circuit, block, live)
        ]
        operands = operands_of(circuit, lambda b: self._inner_operands(circuit, b))
        return absorbed(circuit, live, operands, words) if words or operands else set()

    def _shift_registers(self, circuit: Circuit, counts: Counts) -> None:
        shortest = self._family.shift_registers
        if not shortest:
            return
        inner = self._rests(circuit)
        rows = self._rows_of(circuit, inner)
        counts.update(shift_registers(rows, inner, shortest))

    def _rows_of(self, circuit: Circuit, inner: Mapping[int, Rest] | None = None) -> Rows:
        """Returns the rows of registers in a circuit, see `Rows.of`."""
        live = self._live(circuit)
        if inner:
            return Rows.of(circuit, live, self._heads(circuit, live), inner)
        if circuit not in self._alone:
            self._alone[circuit] = Rows.of(circuit, live, self._heads(circuit, live))
        return self._alone[circuit]

    def _heads(self, circuit: Circuit, live: set[int]) -> list[Block]:
        memories = (block for block in circuit.blocks if block.kind == "memory")
        return [block for block in memories if self._in_registers(circuit, block, live)]

    def _rests(self, circuit: Circuit) -> dict[int, Rest]:
        """Returns the rows of registers that go on inside instances, by what these take."""
        instances = [block for block in circuit.blocks if block.kind == "instance"]
        readers = Counter(bit for block in instances for bit in block.reads)
        found: dict[int, Rest] = {}
        for block in instances:
            given = port_literals(block)
            for (port, at), (length, enable) in self._inner_rests(circuit, block).items():
                bit = given[port][at]
                if readers[bit] == 1 and bit > TRUE and not bit & 1:
                    name, place_, inverted = enable or ("", 0, 0)
                    outer = given[name][place_] ^ inverted if enable else TRUE
                    found[bit] = Rest(length, outer if outer > TRUE else None)
        return found

    def _inner_rests(self, circuit: Circuit, instance: Block) -> _Rests:
        """Returns rows from ports of a module: their length, and port, place and sense of enables.

        Those of all instances are those of the first one, whatever the constants at their ports.
        """
        op = instance.op
        assert isinstance(op, hw.InstanceOp)
        name = op.module_name.string_value()
        if name not in self._rows:
            (interface,) = groups_of(circuit, [instance])
            inner = self._circuit(interface)
            places = places_of(inner)
            rests = self._rows_of(inner).rests(places)
            known = {b: r for b, r in rests.items() if r.enable is None or r.enable & ~1 in places}
            self._rows[name] = {
                places[bit]: (
                    rest.length,
                    None if rest.enable is None else (*places[rest.enable & ~1], rest.enable & 1),
                )
                for bit, rest in known.items()
            }
        return self._rows[name]

    def _in_registers(self, circuit: Circuit, block: Block, live: set[int]) -> bool:
        """Whether a memory's words come out of registers beside it."""
        found, _ = self._place(circuit, block, live)
        return found.ram is None or found.ram.kind == "distributed"

    def _place(self, circuit: Circuit, block: Block, live: set[int]) -> tuple[Placement, int]:
        """Returns where a memory is kept, and how many bits of its words are.

        They are the ones that are read and no constants. When a tool places a ROM, it has not
        found out yet that some are copies of others; of a RAM, not that some are not read.
        """
        op = block.op
        assert isinstance(op, rtl.RomOp | rtl.RamOp)
        bits = circuit.bits(op.results[0])
        rom = isinstance(op, rtl.RomOp)
        width = sum(bit in live and bit > TRUE for bit in bits) if rom else len(bits)
        one_address = not rom and op.read_address is op.write_address
        memory = Memory(op.depth_words, width, op.ram_style.data, rom=rom, one_address=one_address)
        return self._family.place(memory), width

    def _is_block(self, circuit: Circuit, block: Block, live: set[int]) -> bool:
        """Whether a ROM stands in block memories, one deep."""
        found, _ = self._place(circuit, block, live)
        return found.ram is not None and found.banks == 1

    def _inner_operands(self, circuit: Circuit, instance: Block) -> list[frozenset[int]]:
        """Returns what an instance multiplies of the literals at its ports, by multiplier."""
        (interface,) = groups_of(circuit, [instance])
        if interface not in self._operands:
            inner = self._circuit(interface)
            places = places_of(inner)
            self._operands[interface] = [
                [places[bit] for bit in bits]
                for bits in operands_of(inner, lambda b: self._inner_operands(inner, b))
                if bits <= places.keys()
            ]
        given = port_literals(instance)
        return [
            frozenset(given[port][at] for port, at in places)
            for places in self._operands[interface]
        ]

    def _circuit(self, interface: Interface) -> Circuit:
        if interface not in self._circuits:
            name, constants, late, left = interface
            self._circuits[interface] = Circuit(
                self._modules[name], dict(constants), self._rules, late, left
            )
        return self._circuits[interface]

    def _instance(self, interface: Interface, group: list[Block]) -> Tally:
        """Returns the counts of each of some instances of one module with the same constants."""
        common = [port_literals(block) for block in group]
        same = frozenset(p for p in common[0] if all(c[p] == common[0][p] for c in common))
        return self._tally(interface, same if len(group) > 1 else frozenset())

    def _register(
        self, circuit: Circuit, block: Block, live: set[int], counts: Counts, roots: list[int]
    ) -> None:
        used = [d for d, q in zip(block.reads, block.makes, strict=True) if q in live]
        counts["ff"] += sum(d > TRUE for d in used)
        roots += [*used, *(bit for bit in block.enable if bit is not None)]

    def _adder(
        self, circuit: Circuit, block: Block, live: set[int], counts: Counts, roots: list[int]
    ) -> None:
        _, negative = block.shape
        pairs = block.pairs[: max(i for i, bit in enumerate(block.makes) if bit in live) + 1]
        own = self._is_own_sum(block.op)
        self._chain(circuit, pairs, bool(negative), counts, roots, "adder", own=own)

    def _is_own_sum(self, op: Operation) -> bool:
        """Whether a sum is a module of its own: then its top bit may be a table beside a chain."""
        module = op.parent_op()
        return isinstance(module, hw.HWModuleOp) and bool(signs_and_width(module.sym_name.data))

    def _chain(
        self,
        circuit: Circuit,
        pairs: list[tuple[int, int]],
        negative: bool,
        counts: Counts,
        roots: list[int],
        feature: str,
        *,
        own: bool = False,
    ) -> None:
        if self._family.chain == "xor":
            counts[f"{feature}_bits"] += len(pairs)
            for a, b in pairs:
                if min(a, b) > TRUE and all(circuit.gates.is_leaf(bit) for bit in (a, b)):
                    counts[f"{feature}_luts"] += 1  # there is nothing that it could take in
                    roots += [a, b & ~1]
                else:
                    roots += [circuit.gates.differ(a, b ^ negative), *([a] if a > TRUE else [])]
            return
        roots += [bit for pair in pairs for bit in pair]
        half = self._family.chain == "pair" and len(pairs) % 2 and not own
        counts[f"{feature}_luts"] += len(pairs) + half

    def _compare(
        self, circuit: Circuit, block: Block, live: set[int], counts: Counts, roots: list[int]
    ) -> None:
        width = block.shape[0]
        fixed = [a <= TRUE or b <= TRUE for a, b in block.pairs]
        counts["compares"] += 1
        if all(fixed) and width <= self._family.inputs:
            counts["lut"] += 1
            roots += [a if b <= TRUE else b for a, b in block.pairs]
        elif self._family.chain == "xor":
            kind = "const_compare_bits" if all(fixed) else "compare_bits"
            counts[kind] += width
            roots += [bit for pair in block.pairs for bit in pair]
        else:
            self._chain(circuit, block.pairs, True, counts, roots, "compare")

    def _multiplier(
        self, circuit: Circuit, block: Block, live: set[int], counts: Counts, roots: list[int]
    ) -> None:
        assert self._family.multiplier is not None
        counts["dsp"] += self._family.multiplier.count(*block.shape)
        roots += block.reads

    def _memory(
        self, circuit: Circuit, block: Block, live: set[int], counts: Counts, roots: list[int]
    ) -> None:
        op = block.op
        found, width = self._place(circuit, block, live)
        roots += block.reads
        if isinstance(op, rtl.RomOp):
            if found.ram is None:
                self._logic_rom(circuit, op, len(live & set(block.makes)), counts)
            else:
                counts["block"] += found.units
                self._banks(found, width, counts)
            return
        assert isinstance(op, rtl.RamOp)
        used = [bit in live for bit in circuit.bits(op.results[0])]
        depth, width, units = op.depth_words, sum(used), found.units_of(used)
        if found.ram is None:
            counts["ff"] += width * (depth + 1)
            counts["register_file_bits"] += width * depth
            return
        if found.ram.kind == "distributed":
            counts["ff"] += width
            if found.banks > 1:
                counts["ram_mux_bits"] += self._choices(found.banks) * width
                counts["ram_banks"] += found.banks
            counts["ram_luts"] += units
            return
        counts["block"] += units
        self._banks(found, width, counts)
        if not found.reads_old:
            address = width_of(op.read_address)
            counts["ff"] += 2 * width + address + 2
            counts["read_first_bits"] += width
            counts["read_first"] += 1

    def _banks(self, found: Placement, width: int, counts: Counts) -> None:
        """Counts the choice of a bank, which is kept while the memory reads."""
        counts["bank_mux_luts"] += self._choices(found.banks) * width
        counts["ff"] += (found.banks - 1).bit_length()

    def _choices(self, banks: int) -> int:
        """Returns how many tables choose a bit of one of several banks."""
        ways = 4 if self._family.inputs >= 6 else 2  # that a table chooses from
        return -(-(banks - 1) // (ways - 1))

    def _logic_rom(self, circuit: Circuit, op: rtl.RomOp, width: int, counts: Counts) -> None:
        columns = rom_columns(op.lane_values(), op.lane_width.value.data)
        if address_bits(op.depth_words) > LEAF_BITS and counted(circuit, circuit.bits(op.address)):
            counts["deep_rom_luts"] += counted_rom_tables(columns)
        else:
            counts["rom_luts"] += rom_tables(columns, self._family.inputs, self._family.widest)
        counts["ff"] += width

    _COUNTERS: ClassVar[
        dict[str, Callable[[Estimator, Circuit, Block, set[int], Counts, list[int]], None]]
    ] = {
        "register": _register,
        "adder": _adder,
        "compare": _compare,
        "multiplier": _multiplier,
        "memory": _memory,
    }


_TABLES = {
    "leaf": "inverters",
    "and": "lut",
    "mux": "mux_luts",
    "xor": "sum_luts",
    "maj": "sum_luts",
}
"""Features of look-up tables, by the gate at their output."""

_DEEP = 2
"""Carries on the way to a sum from which on tools take wide tables for it, to be fast."""


def _feature(gates: Gates, node: int) -> str:
    feature = _TABLES[gates.kind(node)]
    deep = feature == "sum_luts" and gates.carries(node) >= _DEEP
    return "deep_sum_luts" if deep else feature
