"""Groups of outputs that share sums: which they are, and graphs that share nothing with others."""

import re
from pathlib import Path

import numpy as np
import pytest
from cli_runner import saved_mlp
from xdsl.dialects.builtin import ModuleOp

import qcompiler
from qcompiler.adder_graphs.groups import alike
from qcompiler.dialects import stream
from qcompiler.errors import ModelError


@pytest.mark.parametrize(
    ("size", "sizes"), [(1, [1] * 11), (4, [4, 4, 3]), (10, [6, 5]), (11, [11]), (50, [11])]
)
def test_groups_have_each_column_once_and_are_about_as_large(size: int, sizes: list[int]):
    groups = alike(np.random.default_rng(5).integers(-31, 32, (6, 11)), size)
    assert sorted(at for group in groups for at in group) == list(range(11))
    assert [len(group) for group in groups] == sizes


def test_columns_alike_are_of_one_group():
    matrix = np.array([[1, 0, 2, 0], [0, 3, 0, -1]])
    assert alike(matrix, 2) == [[0, 2], [1, 3]]


def test_columns_of_zeros_and_none_at_all():
    assert alike(np.zeros((3, 4), np.int64), 2) == [[0, 1], [2, 3]]
    assert alike(np.zeros((3, 0), np.int64), 2) == []


def _graphs(module: ModuleOp) -> list[stream.AdderGraphOp]:
    return [op for op in module.walk() if isinstance(op, stream.AdderGraphOp)]


def test_option_reaches_every_layer(tmp_path: Path):
    model = saved_mlp(tmp_path)
    parted = _graphs(
        qcompiler.compile(model, cycles=1, shared_among=1, validate=True).levels["stream"]
    )
    whole = _graphs(qcompiler.compile(model, cycles=1).levels["stream"])
    adders = [sum(len(op.graph.nodes) for op in graphs) for graphs in (whole, parted)]
    assert 0 < adders[0] < adders[1]
    apart = [op for op in parted if stream.APART in op.attributes]
    assert all(len(op.graph.outputs) == 1 for op in apart)
    assert len(apart) > len(whole)


def test_what_a_group_reads_stands_in_registers_that_are_kept(tmp_path: Path):
    design = qcompiler.compile(saved_mlp(tmp_path), cycles=1, shared_among=1)
    (core,) = (design.write(tmp_path / "design") / "rtl").glob("*_core.v")
    kept = re.findall(r"\(\* keep \*\) reg .*?(\w+_group\d+)_of_", core.read_text())
    assert len(set(kept)) > 1


def test_no_neurons_are_no_number_of_neurons(tmp_path: Path):
    with pytest.raises(ModelError, match="--shared-among"):
        qcompiler.compile(saved_mlp(tmp_path), cycles=1, shared_among=0)
