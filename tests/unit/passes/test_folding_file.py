"""Folding files of select-folding: what they override, and what is refused."""

import json

import pytest
from xdsl.dialects.builtin import NameLoc, StringAttr, UnknownLoc
from xdsl.parser import Parser

from qcompiler.dialects import stream
from qcompiler.errors import ModelError
from qcompiler.passes.pipeline import make_context, make_pass, run_passes

MODULE = """
stream.weights @w dense<1> : tensor<6x4xi8>
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [6], lanes = 1>) -> !stream.channel<!qint.int<0, 18>, frame = [4], lanes = 1> {
  %fc1 = stream.mvau %x weights @w pe 1 simd 1 : (!stream.channel<!qint.int<0, 3>, frame = [6], lanes = 1>) -> !stream.channel<!qint.int<0, 18>, frame = [4], lanes = 1>
  func.return %fc1 : !stream.channel<!qint.int<0, 18>, frame = [4], lanes = 1>
}
"""  # noqa: E501


WINDOWS = """
stream.weights @w dense<1> : tensor<12x1xi8>
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [3, 2, 2], lanes = 1>) -> !stream.channel<!qint.int<0, 36>, frame = [1, 1, 1], lanes = 1> {
  %q = stream.sliding_window %x {kernel = array<i64: 3, 2>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_begin = array<i64: 0, 0>, pads_end = array<i64: 0, 0>, pad_value = 0 : i64, groups = 1 : i64} : (!stream.channel<!qint.int<0, 3>, frame = [3, 2, 2], lanes = 1>) -> !stream.channel<!qint.int<0, 3>, frame = [1, 1, 12], lanes = 1>
  %fc1 = stream.mvau %q weights @w pe 1 simd 1 : (!stream.channel<!qint.int<0, 3>, frame = [1, 1, 12], lanes = 1>) -> !stream.channel<!qint.int<0, 36>, frame = [1, 1, 1], lanes = 1>
  func.return %fc1 : !stream.channel<!qint.int<0, 36>, frame = [1, 1, 1], lanes = 1>
}
"""  # noqa: E501


POOL = """
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [4, 3, 1], lanes = 1>) -> !stream.channel<!qint.int<0, 3>, frame = [1, 1, 1], lanes = 1> {
  %q = stream.sliding_window %x {kernel = array<i64: 4, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_begin = array<i64: 0, 0>, pads_end = array<i64: 0, 0>, pad_value = 0 : i64, groups = 1 : i64} : (!stream.channel<!qint.int<0, 3>, frame = [4, 3, 1], lanes = 1>) -> !stream.channel<!qint.int<0, 3>, frame = [1, 1, 12], lanes = 1>
  %fc1 = stream.pool %q kind "max" : (!stream.channel<!qint.int<0, 3>, frame = [1, 1, 12], lanes = 1>) -> !stream.channel<!qint.int<0, 3>, frame = [1, 1, 1], lanes = 1>
  func.return %fc1 : !stream.channel<!qint.int<0, 3>, frame = [1, 1, 1], lanes = 1>
}
"""  # noqa: E501


def folded(tmp_path, text, target_cycles=24, model=MODULE):
    path = tmp_path / "folding.json"
    path.write_text(text)
    module = Parser(make_context(), model).parse_module()
    options = {"folding": str(path), "target_cycles": target_cycles}
    run_passes(module, [make_pass("select-folding", options)])
    (unit,) = (op for op in module.walk() if isinstance(op, stream.MvauOp | stream.PoolOp))
    return unit.output_channel.lanes.data, unit.simd.value.data, unit.input_channel.lanes.data


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ({"fc1_mvau": {"PE": 4, "SIMD": 3}}, (4, 3)),
        ({"fc1_mvau": {"SIMD": 6}}, (1, 6)),  # what is not given is chosen
        ({"Defaults": {}}, (1, 1)),  # FINN's files have it
    ],
)
def test_entries_override_the_choice(tmp_path, entries, expected):
    assert folded(tmp_path, json.dumps(entries))[:2] == expected


def test_layers_go_by_the_node_of_the_model(tmp_path):
    path = tmp_path / "folding.json"
    path.write_text('{"block/conv;1": {"PE": 4, "SIMD": 3}}')
    module = Parser(make_context(), MODULE).parse_module()
    (unit,) = (op for op in module.walk() if isinstance(op, stream.MvauOp))
    unit.location = NameLoc(StringAttr("block/conv;1"), UnknownLoc())
    run_passes(module, [make_pass("select-folding", {"folding": str(path)})])
    assert (unit.output_channel.lanes.data, unit.simd.value.data) == (4, 3)
    path.write_text('{"block/conv;1": {"PE": 4}, "block_conv_1": {"SIMD": 3}}')
    with pytest.raises(ModelError, match="named twice"):
        run_passes(module, [make_pass("select-folding", {"folding": str(path)})])


@pytest.mark.parametrize("simd", [1, 2, 4, 12])
def test_windows_are_taken_by_blocks_of_taps(tmp_path, simd):
    entries = json.dumps({"fc1": {"SIMD": simd}})
    assert folded(tmp_path, entries, model=WINDOWS) == (1, simd, simd)


@pytest.mark.parametrize(
    ("simd", "lanes"),
    [
        (6, 2),  # three beats of one tap are as quick as the input
        (3, 12),  # no tap has 3 channels: all taps come at once, and leave in four parts
    ],
)
def test_other_factors_get_the_fewest_lanes_that_keep_pace(tmp_path, simd, lanes):
    entries = json.dumps({"fc1": {"SIMD": simd}})
    assert folded(tmp_path, entries, model=WINDOWS) == (1, simd, lanes)


def test_taps_of_a_pool_that_are_no_block_are_refused(tmp_path):
    message = "SIMD must be all of a block of taps, got 4; choose one of 1, 3, 6, 12"
    with pytest.raises(ModelError, match=message):
        folded(tmp_path, '{"fc1": {"SIMD": 4}}', model=POOL)
    assert folded(tmp_path, '{"fc1": {"SIMD": 6}}', model=POOL) == (1, 6, 6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot read the folding: Expecting property name"),
        ("[]", "the folding must be a JSON object"),
        (
            '{"fc1_mvau": {"PE": "4"}}',
            "fc1_mvau: expected PE as an integer, got '4'",
        ),
        ('{"fc1_mvau": {"PE": true}}', "expected PE as an integer, got True"),
        ('{"fc1_mvau": 4}', "expected PE and SIMD as integers, got 4"),
        ('{"fc1_mvau": {"pe": 4}}', "there is no factor 'pe', only PE, SIMD, style"),
        ('{"fc9": {"PE": 4}}', "fc9: no such layer; the foldable layers are fc1_mvau"),
        ('{"fc1_mvau": {"PE": 3}}', "fc1_mvau: PE must divide 4, got 3; choose one of 1, 2, 4"),
        ('{"fc1_mvau": {"PE": 0}}', "PE must divide 4, got 0; choose one of 1, 2, 4"),
        ('{"fc1_mvau": {"SIMD": -2}}', "SIMD must divide 6, got -2; choose one of 1, 2, 3, 6"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, text, message):
    with pytest.raises(ModelError) as error:
        folded(tmp_path, text)
    assert message in str(error.value)


def test_all_wrong_entries_are_said_at_once(tmp_path):
    with pytest.raises(ModelError) as error:
        folded(tmp_path, '{"a": {"PE": 1}, "fc1_mvau": {"PE": 3, "SIMD": 4}}')
    assert len(error.value.problems) == 3


def test_a_missing_file_is_said():
    module = Parser(make_context(), MODULE).parse_module()
    with pytest.raises(ModelError, match=r"/nowhere\.json: cannot read the folding"):
        run_passes(module, [make_pass("select-folding", {"folding": "/nowhere.json"})])
