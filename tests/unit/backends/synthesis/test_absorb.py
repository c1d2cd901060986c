"""Registers that move into hard cells: which do, which do not, and what becomes of the netlist."""

import copy
import itertools

import pytest

from qcompiler.devices.families._ecp5_registers import absorb

CLOCK, ENABLE = 2, 3


class Net:
    """A netlist as Yosys writes it, made cell by cell."""

    def __init__(self):
        self.bits = itertools.count(4)
        self.module = {
            "ports": {
                "clk": {"direction": "input", "bits": [CLOCK]},
                "en": {"direction": "input", "bits": [ENABLE]},
            },
            "cells": {},
            "netnames": {},
        }

    @property
    def cells(self):
        return self.module["cells"]

    def input(self, name):
        bit = next(self.bits)
        self.module["ports"][name] = {"direction": "input", "bits": [bit]}
        return bit

    def output(self, name, bit):
        self.module["ports"][name] = {"direction": "output", "bits": [bit]}

    def cell(self, name, type_, inputs, outputs, **parameters):
        made = {pin: [next(self.bits)] for pin in outputs}
        self.cells[name] = {
            "type": type_,
            "parameters": parameters,
            "attributes": {},
            "port_directions": dict.fromkeys(inputs, "input") | dict.fromkeys(made, "output"),
            "connections": {p: [bit] for p, bit in inputs.items()} | made,
        }
        return [bits[0] for bits in made.values()]

    def flip_flop(self, name, value, enable=ENABLE, clock=CLOCK, lsr="0", **parameters):
        given = {"CEMUX": "CE", "CLKMUX": "CLK", "LSRMUX": "LSR", "REGSET": "RESET"} | parameters
        inputs = {"DI": value, "CLK": clock, "LSR": lsr}
        if enable == "1":
            given["CEMUX"] = "1 "
        else:
            inputs["CE"] = enable
        (made,) = self.cell(name, "TRELLIS_FF", inputs, ["Q"], GSR="DISABLED", **given)
        return made

    def twice(self, name, **options):
        """Two flip-flops in a row."""
        return self.flip_flop(f"{name}_2", self.flip_flop(f"{name}_1", self.input(name)), **options)

    def multiplier(self, a, b, name="m", **inputs):
        """With operands of one bit, unless more are given."""
        pins = {f"{side}{i}": "0" for side in "AB" for i in range(18)}
        pins |= {"SIGNEDA": "1", "SIGNEDB": "1", "SOURCEA": "0", "SOURCEB": "0"}
        return self.cell(name, "MULT18X18D", pins | {"A0": a, "B0": b} | inputs, ["P0"])

    def absorb(self):
        multipliers = [name for name, cell in self.cells.items() if cell["type"] == "MULT18X18D"]
        return absorb(self.module, multipliers)

    def constant(self, name, pin):
        """What a table without inputs gives a pin."""
        (bit,) = self.cells[name]["connections"][pin]
        (table,) = (c for c in self.cells.values() if c["connections"].get("Z") == [bit])
        assert table["connections"] == {p: ["0"] for p in "ABCD"} | {"Z": [bit]}
        return {"0" * 16: "0", "1" * 16: "1"}[table["parameters"]["INIT"]]


@pytest.fixture
def net():
    return Net()


def is_registered(net):
    return net.cells["m"]["parameters"].get("REG_INPUTA_CLK", "NONE") != "NONE"


def test_operands_move(net):
    a, b = net.twice("a"), net.twice("b")
    net.multiplier(a, b)
    found = net.absorb()
    assert (found.multipliers, found.removed) == (1, 2)
    m = net.cells["m"]
    assert m["parameters"]["REG_INPUTA_CLK"] == m["parameters"]["REG_INPUTB_CLK"] == "CLK0"
    assert [m["connections"][pin] for pin in ("CLK0", "CE0")] == [[CLOCK], [ENABLE]]
    for pin, name in (("A0", "a"), ("B0", "b")):
        assert f"{name}_2" not in net.cells
        assert m["connections"][pin] == net.cells[f"{name}_1"]["connections"]["Q"]


def test_constants_come_from_tables_of_the_block(net):
    for i in range(5):
        net.multiplier(net.input(f"a{i}"), net.input(f"b{i}"), name=f"m{i}", SIGNEDB="0")
    net.absorb()
    pins = [net.cells[f"m{i}"]["connections"] for i in range(5)]
    assert [net.constant("m3", pin) for pin in ("SIGNEDA", "SIGNEDB", "SOURCEA")] == ["1", "0", "0"]
    assert pins[0]["SIGNEDB"] == pins[3]["SIGNEDB"] == pins[2]["SOURCEA"] != pins[4]["SIGNEDB"]
    assert len({bits[0] for p in pins for bits in (p["SIGNEDA"], p["SIGNEDB"])}) == 4
    assert pins[0]["A5"] == ["0"]  # a setting of the multiplier


def test_copies_of_a_sign(net):
    a = net.twice("a")
    net.multiplier(a, net.twice("b"), A1=a, A2=a)
    net.absorb()
    pins = net.cells["m"]["connections"]
    assert pins["A0"] == pins["A1"] == pins["A2"] == net.cells["a_1"]["connections"]["Q"]


def test_without_enable(net):
    net.multiplier(net.twice("a", enable="1"), net.twice("b", enable="1"))
    net.absorb()
    assert net.constant("m", "CE0") == "1"


def test_multipliers_share_an_operand(net):
    a = net.twice("a")
    for name in "mn":
        net.multiplier(a, net.twice(f"b{name}"), name=name)
    assert net.absorb().multipliers == 2
    assert "a_2" not in net.cells
    taken = net.cells["a_1"]["connections"]["Q"]
    assert net.cells["m"]["connections"]["A0"] == net.cells["n"]["connections"]["A0"] == taken


def test_each_enable_of_a_block_has_a_pin(net):
    """Four multipliers are a block."""
    others = [net.input(f"enable{i}") for i in range(3)]
    enables = [ENABLE, others[0], ENABLE, others[1], others[2]]
    for i, enable in enumerate(enables):
        a, b = (net.twice(f"{side}{i}", enable=enable) for side in "ab")
        net.multiplier(a, b, name=f"m{i}")
    assert net.absorb().multipliers == 5
    pins = [net.cells[f"m{i}"]["parameters"]["REG_INPUTB_CE"] for i in range(5)]
    assert pins == ["CE0", "CE1", "CE0", "CE2", "CE0"]
    for i, (pin, enable) in enumerate(zip(pins, enables, strict=True)):
        found = net.cells[f"m{i}"]["connections"]
        assert {p: bits for p, bits in found.items() if p.startswith("CE")} == {pin: [enable]}


def test_a_flip_flop_that_others_read_stays(net):
    a, b = net.twice("a"), net.twice("b")
    net.multiplier(a, b)
    net.output("seen", b)
    assert net.absorb().removed == 1
    assert net.cells["b_2"]["connections"]["Q"] == [b]


@pytest.mark.parametrize(
    "options",
    [{"REGSET": "SET"}, {"CLKMUX": "INV"}, {"CEMUX": "INV"}, {"GSR": "ENABLED"}, {"lsr": 99}],
)
def test_other_flip_flops_stay(net, options):
    if "GSR" in options:
        b = net.twice("b")
        net.cells["b_2"]["parameters"] |= options
    else:
        b = net.twice("b", **options)
    net.multiplier(net.twice("a"), b)
    before = copy.deepcopy(net.cells["b_2"])
    found = net.absorb()
    assert (found.multipliers, found.removed) == (0, 0)
    assert net.cells["b_2"] == before
    assert net.cells["m"]["connections"]["B0"] == [b]


@pytest.mark.parametrize("signal", ["clock", "enable"])
def test_two_clocks_or_enables(net, signal):
    net.multiplier(net.twice("a"), net.twice("b", **{signal: net.input("other")}))
    net.absorb()
    assert not is_registered(net)


def test_behind_logic(net):
    b = net.flip_flop("b_1", net.cell("l", "LUT4", {"A": net.input("b")}, ["Z"])[0])
    net.multiplier(net.twice("a"), b)
    net.absorb()
    assert not is_registered(net)


@pytest.mark.parametrize(("bits", "moves"), [({"A1": "1"}, 1), ({"A1": "1", "B1": "1"}, 0)])
def test_ones_of_one_operand(net, bits, moves):
    """Before the first edge a copied 1 is 0, which shows if both operands have some."""
    net.multiplier(net.twice("a"), net.twice("b"), **bits)
    assert net.absorb().multipliers == moves


@pytest.mark.parametrize("pin", ["SIGNEDA", "SOURCEB", "A5"])
def test_unusual_multipliers_stay(net, pin):
    net.multiplier(net.twice("a"), net.twice("b"), **{pin: net.input("x") if pin != "A5" else "x"})
    net.absorb()
    assert not is_registered(net)


def memory(net, width, enable=ENABLE, **options):
    pins = {"CLKA": CLOCK, "CLKB": CLOCK, "CEA": enable, "CEB": enable, "RSTA": "0", "RSTB": "0"}
    parameters = {"REGMODE_A": "NOREG", "REGMODE_B": "NOREG", "CLKAMUX": "CLKA", "CLKBMUX": "CLKB"}
    widths = {"DATA_WIDTH_A": f"{width:032b}", "DATA_WIDTH_B": f"{width:032b}"}
    made = ["DOA0", "DOA1", "DOB0", "DOB1"]
    return net.cell("r", "DP16KD", pins | options, made, **parameters, **widths)


def test_a_word_is_registered_in_the_memory(net):
    a0, a1, b0, b1 = memory(net, 9)
    kept = [net.flip_flop(f"k{i}", bit) for i, bit in enumerate((a0, a1))]
    for name, bit in (("y0", kept[0]), ("y1", kept[1]), ("z0", b0), ("z1", b1)):
        net.output(name, bit)
    assert (net.absorb().memories, "k0" in net.cells) == (1, False)
    r = net.cells["r"]
    assert (r["parameters"]["REGMODE_A"], r["parameters"]["REGMODE_B"]) == ("OUTREG", "NOREG")
    assert [r["connections"]["DOA0"], r["connections"]["DOA1"]] == [[kept[0]], [kept[1]]]
    assert r["connections"]["OCEA"] == [ENABLE]


def test_a_wide_word_is_one(net):
    """Port B reads both halves."""
    kept = [net.flip_flop(f"k{i}", bit) for i, bit in enumerate(memory(net, 36))]
    for i, bit in enumerate(kept):
        net.output(f"y{i}", bit)
    assert net.absorb().memories == 1
    parameters = net.cells["r"]["parameters"]
    assert parameters["REGMODE_A"] == parameters["REGMODE_B"] == "OUTREG"


@pytest.mark.parametrize("case", ["two readers", "one is not kept", "other enable", "reset"])
def test_words_that_stay(net, case):
    options = {"RSTA": ENABLE} if case == "reset" else {}
    a0, a1, _, _ = memory(net, 9, **options)
    enable = net.input("other") if case == "other enable" else ENABLE
    net.output("y0", net.flip_flop("k0", a0, enable=enable))
    net.output("y1", a1 if case == "one is not kept" else net.flip_flop("k1", a1, enable=enable))
    if case == "two readers":
        net.output("z0", a0)
    assert net.absorb().memories == 0
    assert net.cells["r"]["parameters"]["REGMODE_A"] == "NOREG"


def test_a_multiplier_behind_a_memory(net):
    """The memory takes the first of two flip-flops, the multiplier the second."""
    a0, a1, _, _ = memory(net, 9)
    w = [net.flip_flop(f"w{i}_2", net.flip_flop(f"w{i}_1", bit)) for i, bit in enumerate((a0, a1))]
    net.multiplier(net.twice("a"), w[0], B1=w[1])
    found = net.absorb()
    assert (found.memories, found.multipliers, found.removed) == (1, 1, 5)
