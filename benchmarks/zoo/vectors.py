"""Inputs of a design: golden ones in the form that `Design.predict` takes, and random ones."""

from dataclasses import dataclass

import numpy as np

from benchmarks.zoo.prepare import Prepared
from qcompiler.analysis.validation import random_integers
from qcompiler.design import Design
from qcompiler.dialects import qint
from qcompiler.dialects.attributes import Array, element_of
from qcompiler.frontends.onnx import InputSpec, parse_input_option
from qcompiler.interpreters import functions


@dataclass(frozen=True)
class Batch:
    """Model inputs, twice; arrays of shape [count, *model input shape], in the model's order.

    Attributes:
        given: as `Design.predict` takes them: integers where `--input` says so.
        reals: as the model file takes them.
    """

    given: tuple[Array, ...]
    reals: tuple[Array, ...]

    @property
    def count(self) -> int:
        """Vectors in it."""
        return len(self.reals[0])

    def part(self, start: int, stop: int) -> "Batch":
        """Returns some of the vectors."""
        return Batch(
            tuple(a[start:stop] for a in self.given), tuple(a[start:stop] for a in self.reals)
        )

    def followed_by(self, other: "Batch") -> "Batch":
        """Returns the vectors of both."""
        return Batch(
            tuple(np.concatenate(pair) for pair in zip(self.given, other.given, strict=True)),
            tuple(np.concatenate(pair) for pair in zip(self.reals, other.reals, strict=True)),
        )


class NotOnGrid(Exception):
    """A golden input is no integer of the type that `--input` gave."""


def _specs(model: Prepared) -> list[InputSpec | None]:
    found = dict(parse_input_option(f"{n}={text}") for n, text in model.inputs.items())
    return [found.get(name) for name in model.names]


def _reals(codes: Array, spec: InputSpec) -> Array:
    values = 2 * codes - 1 if spec.bipolar else codes - spec.zero_point
    return (values.astype(np.float64) * spec.scale).astype(np.float32)


def golden_batch(model: Prepared, arrays: tuple[Array, ...], element_types: list[type]) -> Batch:
    """Returns golden inputs as a batch.

    Raises:
        NotOnGrid: an input is no integer that the design takes.
    """
    given: list[Array] = []
    reals: list[Array] = []
    kinds = zip(arrays, model.shapes, _specs(model), element_types, strict=True)
    for array, shape, spec, element in kinds:
        real = array.reshape(-1, *shape).astype(element)
        codes = real
        if spec is not None:
            exact = real.astype(np.float64) / spec.scale
            codes = np.rint((exact + 1) / 2 if spec.bipolar else exact + spec.zero_point)
            codes = codes.astype(np.int64)
            inside = codes.min() >= spec.range.lo and codes.max() <= spec.range.hi
            if not inside or not np.array_equal(_reals(codes, spec), real):
                raise NotOnGrid("the golden inputs are not integers of the type given")
        given.append(codes)
        reals.append(real)
    return Batch(tuple(given), tuple(reals))


def random_batch(
    design: Design, model: Prepared, count: int, element_types: list[type], seed: int = 0
) -> Batch:
    """Returns random inputs: extremes, the whole range of the first quantizer, and small ones."""
    rng = np.random.default_rng(seed)
    arguments = functions(design.level("qint"))["head"].args
    given: list[Array] = []
    reals: list[Array] = []
    for index, argument in enumerate(arguments):
        spec, shape = _specs(model)[index], (count, *model.shapes[index])
        element = element_of(argument.type)
        if isinstance(element, qint.IntType):
            codes = _random_codes(element, shape, rng)
            given.append(codes)
            real = codes if spec is None else _reals(codes, spec)
            reals.append(real.astype(element_types[index]))
        else:
            reach = _reach(design, model, index)
            real = _random_reals(reach, shape, rng)
            given.append(real)
            reals.append(real)
    return Batch(tuple(given), tuple(reals))


def _random_codes(element: qint.IntType, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Returns three quarters over the whole range, extremes first; the rest small numbers."""
    codes = random_integers(element.range, shape, rng)
    lo, hi = element.lo.data, element.hi.data
    start = 3 * shape[0] // 4
    small = np.rint(rng.normal(0, max(1, hi / 16), (shape[0] - start, *shape[1:])))
    codes[start:] = np.clip(small, lo, hi)
    return codes


def _random_reals(reach: float, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Returns numbers of both signs up to `reach`, then positive ones, then small ones."""
    real = rng.uniform(-1, 1, shape)
    half, three_quarters = shape[0] // 2, 3 * shape[0] // 4
    real[half:three_quarters] = rng.uniform(0, 1, real[half:three_quarters].shape)
    real[three_quarters:] = rng.normal(0, 0.2, real[three_quarters:].shape)
    real[:3] = np.array([-1.0, 1.0, 0.0][: len(real[:3])]).reshape(-1, *[1] * (len(shape) - 1))
    return (real * reach).astype(np.float32)


def _reach(design: Design, model: Prepared, index: int) -> float:
    """Returns the smallest power of two whose both signs saturate the quantizers behind an input.

    The head is asked, so that whatever stands before the quantizer is taken into account.
    """

    def codes(size: float) -> list[Array]:
        inputs = [np.zeros((2, *shape), np.float32) for shape in model.shapes]
        inputs[index][0], inputs[index][1] = -size, size
        return list(design.quantize(dict(zip(model.names, inputs, strict=True))))

    last = codes(2.0**40)
    exponent = 40
    while exponent > -30:
        now = codes(2.0 ** (exponent - 1))
        if any(not np.array_equal(a, b) for a, b in zip(now, last, strict=True)):
            break
        exponent -= 1
    return 2.0**exponent if exponent > -30 else 1.0
