"""Checks by execution that a pass kept the meaning: same integers before and after.

Both modules run on the same inputs. Where results differ, the operations of both runs are compared
by the source node and the name of their values, and the first that differs is named.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Attribute, Operation
from xdsl.utils.exceptions import InterpretationError, PassFailedException

from qcompiler.analysis.sources import source_of
from qcompiler.arith.ranges import IntRange
from qcompiler.dialects import qint
from qcompiler.dialects.attributes import Array, element_of, shape_of
from qcompiler.interpreters import functions, numerics, run_model


class ValidationError(PassFailedException):
    """A pass changed what the network computes."""


def random_inputs(types: Sequence[Attribute], count: int, seed: int) -> list[Array]:
    """Returns `count` inputs for arguments of these types, extremes first.

    Integers: all lowest, all highest, then uniform over their range. Reals: zeros, ones, large ones
    of both signs, then normal numbers of several magnitudes.
    """
    rng = np.random.default_rng(seed)
    return [_random_input(type_, count, rng) for type_ in types]


def _random_input(type_: Attribute, count: int, rng: np.random.Generator) -> Array:
    shape = (count, *shape_of(type_))
    element = element_of(type_)
    if isinstance(element, qint.IntType):
        return random_integers(element.range, shape, rng)
    magnitude = rng.choice([0.1, 1.0, 10.0, 100.0], (count, *[1] * (len(shape) - 1)))
    values = rng.standard_normal(shape) * magnitude
    for index, extreme in enumerate((0.0, 1.0, -1.0, 1e4, -1e4)[:count]):
        values[index] = extreme
    return values.astype(np.float32)


def random_integers(range_: IntRange, shape: Sequence[int], rng: np.random.Generator) -> Array:
    """Returns integers: all lowest, all highest, alternating extremes, then uniform."""
    values = rng.integers(range_.lo, range_.hi, tuple(shape), dtype=np.int64, endpoint=True)
    if len(values) > 3:
        values[0], values[1] = range_.lo, range_.hi
        flat = values[2].reshape(-1)
        flat[::2], flat[1::2] = range_.lo, range_.hi
    return values


@dataclass(frozen=True)
class _Record:
    """A value of a run: where it comes from, and what it was."""

    op: Operation
    value: Array


class _Recorder:
    def __init__(self) -> None:
        self.records: dict[tuple[str, str], _Record] = {}

    def __call__(self, op: Operation, results: tuple[Array, ...]) -> None:
        for result, value in zip(op.results, results, strict=True):
            if isinstance(element_of(result.type), qint.IntType):
                key = (source_of(op).split(" (")[0], result.name_hint or "")
                self.records[key] = _Record(op, value)


# With the numerics of onnxruntime, the order of float32 operations is the meaning, and these passes
# bring it into that runtime's order: its kernels do not compute what the graph spells out.
_DEFINE_FLOAT32 = frozenset({"fold-batchnorm", "fold-scales"})


class Validator:
    """Compares each version of a module with the one before.

    Integers that reach the outputs must be equal; where the outputs are reals, they are computed by
    the same float operations from the same integers, and may differ by their last bits only when
    the pass rewrote those operations (`relative`).
    """

    def __init__(self, module: ModuleOp, count: int = 32, seed: int = 0, relative: float = 1e-9):
        found = functions(module)
        start = found["main"] if "main" in found else found["head"]
        self.inputs = random_inputs([a.type for a in start.args], count, seed)
        self.relative = relative
        self.reference = self._run(module)

    def _run(self, module: ModuleOp) -> tuple[tuple[Array, ...], _Recorder]:
        recorder = _Recorder()
        return run_model(module, self.inputs, recorder), recorder

    def check(self, name: str, module: ModuleOp) -> None:
        """Compares `module`, as pass `name` left it, with the version before; skips rtl.

        Raises:
            ValidationError: an output differs; names the pass and the first value that differs.
        """
        if "head" not in (found := functions(module)) and "main" not in found:
            return
        try:
            outputs, recorder = self._run(module)
        except InterpretationError as error:
            raise ValidationError(f"{name}: after this pass, {error}") from error
        if numerics(module) == "onnxruntime" and name in _DEFINE_FLOAT32:
            self.reference = outputs, recorder
            return
        for index, (was, now) in enumerate(zip(self.reference[0], outputs, strict=True)):
            wrong = ~np.isclose(was, now, rtol=self.relative, atol=1e-12)
            if wrong.any():
                raise ValidationError(self._explain(name, index, was, now, wrong, recorder))
        self.reference = outputs, recorder

    def _explain(
        self, name: str, index: int, was: Array, now: Array, wrong: Array, recorder: _Recorder
    ) -> str:
        where = tuple(int(i) for i in np.argwhere(wrong)[0])
        text = (
            f"{name}: this pass changed output {index} at {list(where[1:])}: "
            f"{was[where]} before, {now[where]} after"
        )
        for key, record in recorder.records.items():
            earlier = self.reference[1].records.get(key)
            if earlier is None or earlier.value.size != record.value.size:
                continue
            before = earlier.value.reshape(record.value.shape)
            differs = before != record.value
            if differs.any():
                at = tuple(int(i) for i in np.argwhere(differs)[0])
                return (
                    f"{text}; the first value that differs is that of {source_of(record.op)} at "
                    f"{list(at[1:])}: {before[at]} before, {record.value[at]} after"
                )
        return text
