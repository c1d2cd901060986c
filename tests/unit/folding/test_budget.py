"""Foldings within a budget: never worse than exhaustive search; what does not fit is said."""

import itertools
from pathlib import Path

import pytest
from xdsl.parser import Parser

import qcompiler
from qcompiler.analysis.area.estimate import Area
from qcompiler.analysis.foldable_layers import foldable_layers
from qcompiler.analysis.network import Network
from qcompiler.errors import ModelError
from qcompiler.folding import search as folding_search
from qcompiler.folding.budget import Budget
from qcompiler.folding.search import Search
from qcompiler.passes.pipeline import make_context, make_pass, run_passes

EXAMPLE = Path(__file__).parents[3] / "examples" / "digits_mlp" / "digits_mlp.onnx"
CHANNEL = "!stream.channel<!qint.int<{0}, {1}>, frame = [{2}], lanes = 1>"
X, H, Y = (CHANNEL.format(*c) for c in ((0, 15, 4), (0, 15, 6), (-999, 999, 2)))
MODULE = f"""
stream.weights @w1 dense<7> : tensor<4x6xi8>
stream.weights @w2 dense<-5> : tensor<6x2xi8>
func.func @core(%x : {X}) -> {Y} {{
  %fc1 = stream.mvau %x weights @w1 pe 1 simd 1 : ({X}) -> {H}
  %fc2 = stream.mvau %fc1 weights @w2 pe 1 simd 1 : ({H}) -> {Y}
  func.return %fc2 : {Y}
}}
"""
PRICES = {"LUT": 1e-3, "FF": 1e-4, "BRAM": 0.1, "DSP": 0.1}


def parsed():
    return Parser(make_context(), MODULE).parse_module()


@pytest.fixture(scope="module")
def everything():
    """Every folding of the network, with its cycles and area."""
    search = Search(parsed(), Budget("ecp5", {}, PRICES))
    layers = foldable_layers(Network.of(search.module))
    choices = [
        [(name, styled) for plain in layer.foldings for styled in search._styles(name, plain)]
        for name, layer in layers.items()
    ]
    return [search.trial(dict(chosen)) for chosen in itertools.product(*choices)]


@pytest.mark.parametrize(
    "limits",
    [{"DSP": 3}, {"LUT": 500}, {"LUT": 700, "DSP": 12}, {"FF": 520}, {"DSP": 100}, {"LUT": 340}],
)
def test_no_folding_within_the_budget_is_faster(everything, limits, monkeypatch):
    monkeypatch.setattr(folding_search, "_WHOLE_SEARCH", 0)  # as for larger networks
    budget = Budget("ecp5", limits, PRICES)
    found = Search(parsed(), budget).fastest()
    assert not budget.excess(found.area)
    assert found.cycles == min(t.cycles for t in everything if not budget.excess(t.area))


@pytest.mark.parametrize("cycles", [1, 4, 9, 36])
def test_no_folding_at_the_rate_is_cheaper(everything, cycles):
    budget = Budget("ecp5", {}, PRICES)
    found = Search(parsed(), budget).at_rate(cycles)
    plain = [t for t in everything if all(f.style is None for f in t.foldings.values())]
    prices = [budget.price(t.area) for t in plain if t.cycles <= cycles]
    assert budget.price(found.area) == min(prices)


WINDOWED = """
stream.weights @w dense<7> : tensor<12x1xi8>
func.func @core(%x : !stream.channel<!qint.int<0, 15>, frame = [5, 5, 3], lanes = 1>) -> !stream.channel<!qint.int<0, 1260>, frame = [4, 4, 1], lanes = 1> {
  %q = stream.sliding_window %x {kernel = array<i64: 2, 2>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_begin = array<i64: 0, 0>, pads_end = array<i64: 0, 0>, pad_value = 0 : i64, groups = 1 : i64} : (!stream.channel<!qint.int<0, 15>, frame = [5, 5, 3], lanes = 1>) -> !stream.channel<!qint.int<0, 15>, frame = [4, 4, 12], lanes = 1>
  %y = stream.mvau %q weights @w pe 1 simd 1 : (!stream.channel<!qint.int<0, 15>, frame = [4, 4, 12], lanes = 1>) -> !stream.channel<!qint.int<0, 1260>, frame = [4, 4, 1], lanes = 1>
  func.return %y : !stream.channel<!qint.int<0, 1260>, frame = [4, 4, 1], lanes = 1>
}
"""  # noqa: E501


@pytest.mark.parametrize(("most", "simd"), [(4, 4), (5, 4), (6, 6)])
def test_multipliers_between_taps_are_used(most, simd):
    """Windows come by taps of 3 channels: 4 of 12 elements a beat need a width adapter."""
    module = Parser(make_context(), WINDOWED).parse_module()
    found = Search(module, Budget("ecp5", {"DSP": most}, PRICES)).fastest()
    assert found.foldings["y_mvau"] == folding_search.Folding(1, simd)
    assert found.cycles == 16 * 12 // simd
    assert found.area.as_dict()["DSP"] <= most


UINT8, INT20 = CHANNEL.format(0, 255, 8), CHANNEL.format(-300000, 300000, 8)
BYTES = f"""
stream.weights @w dense<-99> : tensor<8x8xi8>
func.func @core(%x : {UINT8}) -> {INT20} {{
  %y = stream.mvau %x weights @w pe 1 simd 1 : ({UINT8}) -> {INT20}
  func.return %y : {INT20}
}}
"""


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(
    ("family", "logic", "cycles", "style"),
    [
        ("xilinx", False, 2, "pairs"),  # 25 of 27 bits: 32 products in 16 multipliers
        ("ecp5", False, 4, None),  # 18 bits do not hold two
        ("ecp5", True, 2, "logic"),
    ],
)
def test_what_multipliers_are_short_of(family, logic, cycles, style, whole, monkeypatch):
    if not whole:
        monkeypatch.setattr(folding_search, "_WHOLE_SEARCH", 0)
    module = Parser(make_context(), BYTES).parse_module()
    search = Search(module, Budget(family, {"DSP": 16}, PRICES), logic=logic)
    found = search.fastest()
    assert (found.cycles, found.foldings["y_mvau"].style) == (cycles, style)
    assert found.area.dsps == (16 if style != "logic" else 0)
    plenty = Search(module, Budget(family, {"DSP": 32}, PRICES), logic=logic).at_rate(2)
    assert plenty.foldings["y_mvau"].style is None


@pytest.mark.parametrize("most", [4, 9, 16, 20, 33, 40])
def test_few_foldings_are_all_tried(most, monkeypatch):
    """However wrong guesses are: a style that they deem needless may be the one that fits."""
    monkeypatch.setattr(folding_search.LayerGuess, "area", lambda *_: Area())
    module = Parser(make_context(), BYTES).parse_module()
    search = Search(module, Budget("xilinx", {"DSP": most}, PRICES))
    (layer,) = foldable_layers(Network.of(module)).values()
    styles = [s for plain in layer.foldings for s in search._styles("y_mvau", plain)]
    every = [search.trial({"y_mvau": folding}) for folding in styles]
    within = [t.cycles for t in every if not search.budget.excess(t.area)]
    assert search.fastest().cycles == min(within)


def test_a_style_may_be_given(tmp_path):
    path = tmp_path / "folding.json"
    path.write_text('{"fc1_mvau": {"PE": 2, "SIMD": 2, "style": "pairs"}}')
    fc1, fc2 = folded(folding=str(path)).processes
    assert (fc1.style, fc2.style) == ("pairs", None)
    path.write_text(
        '{"fc1_mvau": {"PE": 3, "style": "pairs"}, "fc2_mvau": {"PE": 1, "style": "x"}}'
    )
    with pytest.raises(ModelError) as caught:
        folded(folding=str(path))
    first, second = caught.value.problems
    assert "style 'pairs' is not one that PE 3 can have" in first.what
    assert "choose one of logic" in second.remedy


def folded(**options):
    module = parsed()
    run_passes(module, [make_pass("select-folding", options)])
    return Network.of(module)


@pytest.mark.parametrize(
    ("limits", "short", "fits"),
    [
        (
            {"max_dsps": 10, "max_luts": 260},
            "21 LUT too few (281 of 260), 2 DSP too few (12 of 10)",
            3,
        ),
        ({"max_dsps": 4}, "5 DSP too few (9 of 4)", 6),
    ],
)
def test_what_is_short_is_said_with_the_best_that_fits(limits, short, fits):
    with pytest.raises(ModelError) as caught:
        folded(target_cycles=2, **limits)
    (problem,) = caught.value.problems
    assert f"{short} at 2 cycles a frame" in problem.what
    assert f"or ask for {fits} cycles a frame, the best that fits" in problem.remedy
    folded(target_cycles=fits, **limits)
    with pytest.raises(ModelError) as caught:
        folded(max_luts=10)
    assert "LUT too few" in caught.value.problems[0].what


def test_constants_need_no_multipliers_where_those_do_not_suffice():
    fc1, fc2 = folded(target_cycles=1, max_dsps=10).processes
    assert (fc1.pe.value.data, fc1.simd.value.data) == (6, 4)
    assert (fc2.pe.value.data, fc2.simd.value.data) == (2, 6)


def test_layers_that_a_file_makes_parallel_count_as_constants(tmp_path):
    path = tmp_path / "folding.json"
    path.write_text('{"fc1_mvau": {"PE": 6, "SIMD": 4}, "fc2_mvau": {"PE": 2, "SIMD": 6}}')
    fc1, _ = folded(max_dsps=10, folding=str(path)).processes
    assert (fc1.pe.value.data, fc1.simd.value.data) == (6, 4)


def test_a_folding_file_binds_the_search(tmp_path):
    path = tmp_path / "folding.json"
    path.write_text('{"fc2_mvau": {"PE": 1, "SIMD": 1}}')
    network = folded(max_dsps=30, folding=str(path))
    fc1, fc2 = network.processes
    assert (fc2.pe.value.data, fc2.simd.value.data) == (1, 1)
    assert fc1.cycles_per_frame <= 12  # no more than the layer that is bound
    assert "12 cycles a frame" in network.core.attributes["stream.choice"].data["bottleneck"].data


def test_a_factor_that_is_not_given_is_searched(tmp_path):
    path = tmp_path / "folding.json"
    path.write_text('{"fc1_mvau": {"PE": 3}}')
    fc1, _ = folded(max_dsps=9, target_cycles=8, folding=str(path)).processes
    assert (fc1.pe.value.data, fc1.simd.value.data) == (3, 1)
    fc1, _ = folded(target_cycles=2, folding=str(path)).processes  # without a budget
    assert (fc1.pe.value.data, fc1.simd.value.data) == (3, 4)
    path.write_text('{"fc1_mvau": {"PE": 3}, "fc2_mvau": {"PE": 2, "SIMD": 6}}')
    with pytest.raises(ModelError, match="or loosen the folding file"):
        folded(max_dsps=2, folding=str(path))


def test_a_limit_does_not_go_beyond_the_device():
    assert Budget.of("ice40-up5k", luts=5000).limits["LUT"] == 5000  # beyond what routes easily
    assert Budget.of("ice40-up5k", luts=100000).limits["LUT"] == 5280


def test_a_device_bounds_a_design_and_names_its_neighbours():
    design = qcompiler.compile(EXAMPLE, device="ecp5-25k")
    report = design.report()
    assert report.device == "ecp5-25k"
    assert all(number <= report.capacity[kind] for kind, number in report.area.items())
    up, down = report.choice["up"], report.choice["down"]
    assert int(up.split()[0]) < report.cycles_per_frame < int(down.split()[0])
    limited = qcompiler.compile(EXAMPLE, device="ecp5-25k", max_dsps=9).report()
    assert limited.area["DSP"] <= 9
    assert limited.cycles_per_frame > report.cycles_per_frame


def test_options_are_checked():
    with pytest.raises(ModelError, match="--max-luts"):
        qcompiler.compile(EXAMPLE, max_luts=0)
    with pytest.raises(ModelError, match="there is no device nothing"):
        qcompiler.compile(EXAMPLE, device="nothing")
