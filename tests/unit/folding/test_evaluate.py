"""Evaluating a folding is a function of its arguments: another process finds the same."""

import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from msgspec.structs import replace

import qcompiler
from qcompiler.analysis.foldable_layers import Folding
from qcompiler.devices.delays import DelayModel
from qcompiler.folding.budget import Budget
from qcompiler.folding.evaluate import evaluate, evaluate_within

EXAMPLE = Path(__file__).parents[3] / "examples" / "digits_mlp" / "digits_mlp.onnx"
BUDGET = Budget("ecp5", {}, {"LUT": 1.0, "FF": 1.0, "BRAM": 1.0, "DSP": 1.0})


@pytest.fixture(scope="module")
def case():
    module = qcompiler.compile(EXAMPLE, cycles=64).level("stream")
    foldings = {"fc1_mvau": Folding(8, 8), "fc2_mvau": Folding(4, 8), "fc3_mvau": Folding(1, 8)}
    return module, foldings, BUDGET, DelayModel.of("ecp5-25k")


def test_the_module_stays_as_it_was(case):
    before = str(case[0])
    trial = evaluate(*case)
    assert (trial.cycles, trial.bottleneck) == (40, "fc3_mvau")
    assert str(case[0]) == before


def test_another_process_finds_the_same(case):
    assert pickle.loads(pickle.dumps(case[1:])) == case[1:]
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        assert pool.submit(evaluate, *case).result() == evaluate(*case)


@pytest.mark.parametrize("kind", ["LUT", "FF", "BRAM", "DSP"])
def test_what_breaks_the_budget_is_left_and_no_other(case, kind):
    module, foldings, budget, model = case
    whole = evaluate(*case)
    number = whole.area.as_dict()[kind]
    enough = replace(budget, limits={kind: number})
    assert evaluate_within(module, foldings, enough, model) == whole
    if number:
        assert (
            evaluate_within(module, foldings, replace(budget, limits={kind: number - 1}), model)
            is None
        )
