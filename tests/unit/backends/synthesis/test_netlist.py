"""Cells are given to the layer that drives their nets."""

from qcompiler.backends.synthesis.netlist import GLUE, analyse

INSTANCES = {"fc": "top_fc", "act": "top_act"}
INPUTS = {"top_fc": {"in_data", "out_ready"}, "top_act": {"in_data", "out_ready"}}


def cell(type_, **ports):
    return {
        "type": type_,
        "connections": {port: [bit] for port, bit in ports.items()},
        "port_directions": {p: "output" if p in ("Z", "Q") else "input" for p in ports},
    }


MODULE = {
    "netnames": {
        "data": {"bits": [2]},
        "fc.in_data": {"bits": [2]},
        "fc.sum": {"bits": [3]},
        "fc.out_data": {"bits": [4]},
        "act.in_data": {"bits": [4]},
        "act.lane0.x": {"bits": [4]},
        "act.out_data": {"bits": [5]},
        "y": {"bits": [5]},
        "not_reset": {"bits": [6]},
    },
    "cells": {
        "fc.sum_LUT4_Z": cell("LUT4", A=2, Z=3),
        "act.in_data_TRELLIS_FF_Q": cell("TRELLIS_FF", DI=3, Q=4),
        "y_LUT4_Z": cell("LUT4", A=4, B=8, Z=5),
        "rst_LUT4_A": cell("LUT4", A=7, Z=6),
        "act.unread": cell("LUT4", A=4, Z=99),
        "y_LUT4_Z_A_LUT4_Z": cell("LUT4", A=9, Z=8),
        "y_LUT4_Z_A_LUT4_Z_A": cell("LUT4", A=2, Z=9),
    },
}


def test_layers():
    netlist = analyse(MODULE, INSTANCES, INPUTS)
    assert netlist.layers == {
        "fc.sum_LUT4_Z": "fc",
        # The net has the consumer's name, even within it; but it enters there.
        "act.in_data_TRELLIS_FF_Q": "fc",
        # The net has only the port's name outside.
        "y_LUT4_Z": "act",
        "rst_LUT4_A": GLUE,
        # Nobody named its net: its own name counts.
        "act.unread": "act",
        # Nobody named their nets, and their readers are all in one layer.
        "y_LUT4_Z_A_LUT4_Z": "act",
        "y_LUT4_Z_A_LUT4_Z_A": "act",
    }


def test_layers_add_up_to_the_total():
    netlist = analyse(MODULE, INSTANCES, INPUTS)
    usage = netlist.usage("ecp5")
    assert list(usage) == ["fc", "act", GLUE]
    assert [layer["LUT"] for layer in usage.values()] == [1, 4, 1]
    assert [layer["FF"] for layer in usage.values()] == [1, 0, 0]
    assert netlist.total("ecp5")["LUT"] == 6
