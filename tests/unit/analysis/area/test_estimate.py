"""What whole designs take, layer by layer."""

import pytest

from qcompiler import compile as compile_model
from qcompiler.analysis.area.estimate import GLUE, area_of, count_modules, estimate_areas, total
from tests.support.example_models import EXAMPLES


@pytest.fixture(scope="module")
def design():
    return compile_model(EXAMPLES / "digits_mlp" / "digits_mlp.onnx", cycles=512)


@pytest.mark.parametrize(
    ("family", "multipliers", "tables_of_constants"),
    [("ecp5", range(9, 13), 6), ("xilinx", [6], 0)],  # products of 8 bits are logic in the latter
)
def test_four_multipliers_share_tables_of_constants(
    design, family, multipliers, tables_of_constants
):
    counts = count_modules(design.level("rtl"), design.network, family)
    assert sum(c["dsp"] for c in counts.values()) in multipliers
    assert counts[GLUE]["constant_luts"] == tables_of_constants


def test_the_total_is_that_of_the_layers(design):
    counts = count_modules(design.level("rtl"), design.network, "ecp5")
    areas = estimate_areas(design.level("rtl"), design.network, "ecp5")
    assert areas == {name: area_of(found, "ecp5") for name, found in counts.items()}
    assert total(areas.values()).ffs == sum(c["ff"] for c in counts.values())
    assert {name for name, _ in design.network.named()} <= areas.keys()
