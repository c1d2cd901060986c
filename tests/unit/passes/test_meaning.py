"""Every pass keeps what the network computes: the interpreters agree before and after."""

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from quantized_networks import random_network

from qcompiler.analysis.validation import Validator
from qcompiler.interpreters import functions, run
from qcompiler.passes.pipeline import make_pass, run_passes
from qcompiler.pipelines import QINT, RTL, STREAM

SEEDS = st.integers(0, 2**32 - 1)
# A seed has no smaller one: shrinking would only take minutes.
FEW = settings(deadline=None, derandomize=True, phases=[Phase.generate])


def core_inputs(module, count=64):
    return [
        np.random.default_rng(0).integers(
            t.get_element_type().lo.data, t.get_element_type().hi.data + 1, (count, *t.get_shape())
        )
        for t in (a.type for a in functions(module)["core"].args)
    ]


@pytest.mark.parametrize("numerics", ["exact", "onnxruntime"])
@given(seed=SEEDS)
@settings(FEW, max_examples=8)
def test_each_pass_of_the_default_pipeline_keeps_every_output(numerics, seed):
    module = random_network(seed, numerics)
    validator = Validator(module, count=48, seed=seed)
    run_passes(module, (*QINT, *STREAM), [validator.check])


@pytest.mark.parametrize("form", ["shift", "mul_shift", "threshold", "table"])
@given(seed=SEEDS)
@settings(FEW, max_examples=5)
def test_every_form_that_is_found_equals_the_function(form, seed):
    module = random_network(seed)
    run_passes(module, QINT[: QINT.index("select-requantizer")])
    inputs = core_inputs(module)
    expected = run(module, "core", inputs)
    try:
        run_passes(module, [make_pass("select-requantizer", {"form": form})])
    except Exception as error:
        assert "no requantizer is feasible" in str(error)  # noqa: PT017
        return
    for was, now in zip(expected, run(module, "core", inputs), strict=True):
        np.testing.assert_array_equal(was, now)


@given(seed=SEEDS, cycles=st.integers(1, 40))
@settings(FEW, max_examples=8)
def test_every_folding_computes_the_same_and_becomes_hardware(seed, cycles):
    module = random_network(seed)
    run_passes(module, (*QINT, STREAM[0]))
    inputs = core_inputs_of_channels(module)
    expected = run(module, "core", inputs)
    folding = make_pass("select-folding", {"target_cycles": cycles})
    run_passes(module, [folding, *STREAM[2:]])
    for was, now in zip(expected, run(module, "core", inputs), strict=True):
        np.testing.assert_array_equal(was, now)
    run_passes(module, RTL)


def core_inputs_of_channels(module, count=64):
    random = np.random.default_rng(0)
    types = [a.type for a in functions(module)["core"].args]
    return [
        random.integers(t.element.lo.data, t.element.hi.data + 1, (count, *t.frame_shape))
        for t in types
    ]


def test_ranges_of_channels_are_respected_when_values_are_swept():
    """A requantizer need be right on what its channel's weights can make, and nowhere else."""
    module = random_network(255, "onnxruntime")
    run_passes(module, (*QINT, *STREAM), [Validator(module, count=48, seed=255).check])


def test_forms_clamp_where_the_result_does_and_not_where_channels_end():
    """Channels that are constant reach fewer codes than the type of the result has."""
    module = random_network(1080)
    validator = Validator(module, count=48, seed=1)
    run_passes(module, QINT, [validator.check])
