"""Small models of `qcompiler.train`, and what has to be equal for each of them."""

import numpy as np
import torch
from onnx import load
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.infer_shapes import InferShapes

import qcompiler
from qcompiler import train


def shaken(model, seed=0):
    """Returns a model whose parameters are as after some training: nothing is round."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if not name.endswith("weight"):
                parameter += torch.randn(parameter.shape) * 0.4
    return model.eval()


def inputs_of(model, count, seed=0):
    """Returns real inputs: most within what the input's integers hold, ties among them."""
    first = next(m for m in model.modules() if isinstance(m, train.Input))
    rng = np.random.default_rng(seed)
    span = first.range.hi - first.range.lo + 3
    whole = rng.integers(first.range.lo - 1, first.range.lo - 1 + span, (count, *first.shape))
    return ((whole + rng.choice([0, 0, 0.5, 0.25], whole.shape)) * first.scale).astype(np.float32)


def assert_equal_everywhere(model, folder, *, count=1000, simulated=0, executed=5, **options):
    """Checks torch = integers = interpreter = qonnx's executor (= RTL); returns the design."""
    path = train.export(model, folder / "model.onnx")
    design = qcompiler.compile(path, **options)
    x = inputs_of(model, count)
    numbers = train.fixed(model, x).numbers
    assert len(np.unique(numbers)) > 1, "the model says something"
    with torch.no_grad():
        assert np.array_equal(model(torch.tensor(x)).numpy(), numbers)
    assert np.array_equal(design.predict(x), numbers)
    if simulated:
        got = design.simulate(x[:simulated])
        assert np.array_equal(got, numbers[:simulated])
    wrapper = ModelWrapper(load(path)).transform(InferShapes())
    (given,) = wrapper.graph.input
    for image, wanted in zip(x[:executed], numbers, strict=False):
        (got,) = execute_onnx(wrapper, {given.name: image[None]}).values()
        assert np.array_equal(got[0], wanted)
    return design
