"""Checks by execution that a pass kept the meaning: same integers before and after.

Both modules run on the same inputs. Where results differ, the operations of both runs are compared
by the source node and the name of their values, and the first that differs is named.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.utils.exceptions import InterpretationError, PassFailedException, VerifyException

from qcompiler.analysis.channel_ranges import channel_ranges
from qcompiler.arith.arrays import integers
from qcompiler.arith.ranges import IntRange, dot_range
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array, element_of, shape_of
from qcompiler.dialects.stream import ChannelType, MvauOp, VvauOp
from qcompiler.interpreters import functions, numerics, run, run_from, run_model
from qcompiler.interpreters.nn import real_type
from qcompiler.provenance.sources import source_of


class ValidationError(PassFailedException):
    """A pass changed what the network computes."""


def random_inputs(types: Sequence[Attribute], count: int, seed: int) -> list[Array]:
    """Returns `count` inputs for arguments of these types, extremes first.

    Integers: all lowest, all highest, then uniform over their range; of a quarter of the inputs,
    over a part of it around zero, as small as one at times. Reals: zeros, ones, large ones
    of both signs, then normal numbers of several magnitudes.
    """
    rng = np.random.default_rng(seed)
    return [_random_input(type_, count, rng) for type_ in types]


def _random_input(type_: Attribute, count: int, rng: np.random.Generator) -> Array:
    if isinstance(type_, ChannelType):
        return _some_small(type_.element.range, (count, *type_.frame_shape), rng)
    shape = (count, *shape_of(type_))
    element = element_of(type_)
    if isinstance(element, qint.IntType):
        return _some_small(element.range, shape, rng)
    magnitude = rng.choice([0.1, 1.0, 10.0, 100.0], (count, *[1] * (len(shape) - 1)))
    values = rng.standard_normal(shape) * magnitude
    for index, extreme in enumerate((0.0, 1.0, -1.0, 1e4, -1e4)[:count]):
        values[index] = extreme
    return values.astype(np.float32)


def _some_small(range_: IntRange, shape: Sequence[int], rng: np.random.Generator) -> Array:
    """Returns random integers, those of the last quarter of the inputs smaller ones.

    Sums of many numbers over a whole range lie far from zero, and what goes wrong near it stays
    hidden.
    """
    values = random_integers(range_, shape, rng)
    start = max(4, 3 * len(values) // 4)
    zero = min(max(0, range_.lo), range_.hi)
    off = values[start:] - zero
    halvings = rng.integers(1, range_.width_bits + 1, (len(off), *[1] * (off.ndim - 1)))
    values[start:] = zero + np.sign(off) * (np.abs(off) >> halvings)
    return values


def random_integers(range_: IntRange, shape: Sequence[int], rng: np.random.Generator) -> Array:
    """Returns integers: all lowest, all highest, alternating extremes, then uniform."""
    values = rng.integers(range_.lo, range_.hi, tuple(shape), dtype=np.int64, endpoint=True)
    if len(values) > 3:
        values[0], values[1] = range_.lo, range_.hi
        flat = values[2].reshape(-1)
        flat[::2], flat[1::2] = range_.lo, range_.hi
    return values


class _Record(Struct, frozen=True):
    """A value of a run: where it comes from, and what it was."""

    op: Operation
    value: Array


_Key = tuple[str, str]
"""Where a value comes from: its source node, and its own name."""


class _Results(Struct, frozen=True):
    """A run: the outputs, and all integers on the way there, in order."""

    outputs: tuple[Array, ...]
    records: Mapping[_Key, _Record]


class _Recorder:
    def __init__(self) -> None:
        self.records: dict[_Key, _Record] = {}

    def __call__(self, op: Operation, results: tuple[Array, ...]) -> None:
        for result, value in zip(op.results, results, strict=True):
            type_ = result.type
            if isinstance(type_, ChannelType) or isinstance(element_of(type_), qint.IntType):
                self.records[_key(op, result)] = _Record(op, value)


def _key(op: Operation, value: SSAValue) -> _Key:
    return source_of(op).split(" (")[0], value.name_hint or ""


# With the numerics of onnxruntime, the order of float32 operations is the meaning, and these passes
# bring it into that runtime's order: its kernels do not compute what the graph spells out. Where it
# has no kernel that integers can follow, settle-numerics takes real numbers in place of float32.
_SWEEP_VALUES = 8192
_SWEEP_ELEMENTS = 2**19
_NETWORK = "the network"
_OF_A_SOFTMAX = 2.0**-20
"""How far real outputs may move, of their largest, where integers are put for a real softmax.

These are within 2**-24 of it, see `fold_mixture`. A code that moves is a difference.
"""
_DEFINE_FLOAT32 = frozenset({"fold-batchnorm", "fold-scales", "settle-numerics"})


class Validator:
    """Compares each version of a module with the one before.

    The network is @main, or @head, @core and @tail. A module with none of them has its functions
    compared one by one.

    Integers that reach the outputs must be equal; where the outputs are reals, they are computed by
    the same float operations from the same integers, and may differ by their last bits only when
    the pass rewrote those operations (`relative`).

    Raises:
        InterpretationError: the module cannot be run.
    """

    def __init__(self, module: ModuleOp, count: int = 32, seed: int = 0, relative: float = 1e-9):
        self.relative = relative
        self.inputs: dict[str, list[Array]] = {}
        for entry, start in _entries(module).items():
            types = [argument.type for argument in start.args]
            if entry == _NETWORK and "core" in (found := functions(module)):
                states = len(qint.state_of(found["core"]))
                types += [a.type for a in found["core"].args[len(found["core"].args) - states :]]
            self.inputs[entry] = random_inputs(types, count, seed)
        self.reference = self._run(module)
        self._module = module.clone()

    def _run(self, module: ModuleOp) -> dict[str, _Results]:
        found: dict[str, _Results] = {}
        for entry in _entries(module):
            if entry not in self.inputs:
                continue
            recorder = _Recorder()
            if entry == _NETWORK:
                outputs = run_model(module, self.inputs[entry], recorder)
            else:
                outputs = run(module, entry, self.inputs[entry], recorder)
            found[entry] = _Results(outputs, recorder.records)
        return found

    def check(self, name: str, module: ModuleOp) -> None:
        """Compares `module`, as pass `name` left it, with the version before; skips rtl.

        Raises:
            ValidationError: an output differs; names the pass and the first value that differs.
        """
        if self._module.is_structurally_equivalent(module):
            return  # the pass had nothing to do
        try:
            results = self._run(module)
        except InterpretationError as error:
            raise ValidationError(f"{name}: after this pass, {error}") from error
        except VerifyException:  # a join without integers: select-requantizer says why, and where
            return
        redefined = numerics(module) == "onnxruntime" and name in _DEFINE_FLOAT32
        for entry, now in results.items():
            was = self.reference.get(entry)
            if was is not None and not redefined:
                self._compare(name, entry, was, now, module)
        if results:
            if not redefined:
                self._sweep(name, module, results)
            self.reference, self._module = results, module.clone()

    def _sweep(self, name: str, module: ModuleOp, results: Mapping[str, _Results]) -> None:
        """Gives integers inside the network every value of their range: inputs seldom do.

        A rounding that is wrong by one shows at few values. What is swept are values on which, and
        on nothing else, the outputs depend, where what reads them has changed. Both versions must
        have computed the same for them so far: a pass may give an old name to a new value.
        """
        before, after = _cuts(self._module), _cuts(module)
        same = _same_values(self.reference, results)
        for key, now in after.items():
            was = before.get(key)
            if was is None or was.readers == now.readers or was.shape != now.shape:
                continue
            if isinstance(now.value.owner, Operation) and key not in same:
                continue
            values = _sweep_values(was, now)
            said = self._swept_difference(was, now, module, values)
            more = _with_more_digits(module)
            if said and (not more or self._swept_difference(was, now, module, values, more)):
                place = source_of(next(iter(now.value.uses)).operation)
                raise ValidationError(
                    f"{name}: this pass changed {place}: where {now.name} is {said}"
                )

    def _swept_difference(
        self, was: "_Cut", now: "_Cut", module: ModuleOp, values: Array, real: Any = None
    ) -> str:
        """Returns the first value that leads to another output, and which, in words; or nothing."""
        expected = was.outputs(self._module, values, real)
        got = now.outputs(module, values, real)
        for a, b in zip(expected or (), got or (), strict=bool(expected and got)):
            before = a.reshape(b.shape)
            wrong = ~np.isclose(before, b, rtol=self.relative, atol=1e-12)
            if wrong.any():
                at = tuple(int(i) for i in np.argwhere(wrong)[0])
                value = values.reshape(len(values), -1)[at[0], 0]
                where = f"the output at {list(at[1:])}"
                return f"{value}, {where} is {before[at]} before, {b[at]} after"
        return ""

    def _compare(
        self, name: str, entry: str, was: _Results, now: _Results, module: ModuleOp
    ) -> None:
        name = name if entry == _NETWORK else f"{name}: @{entry}"
        if len(was.outputs) != len(now.outputs):
            raise ValidationError(
                f"{name}: this pass left {len(now.outputs)} outputs of {len(was.outputs)}"
            )
        for index, (before, after) in enumerate(zip(was.outputs, now.outputs, strict=True)):
            if before.size != after.size:
                raise ValidationError(
                    f"{name}: this pass changed the shape of output {index}: "
                    f"{list(before.shape[1:])} before, {list(after.shape[1:])} after"
                )
            before = before.reshape(after.shape)
            wrong = self._differs(module, before, after)
            if wrong.any() and not self._is_noise(entry, index, module, wrong):
                where = tuple(int(i) for i in np.argwhere(wrong)[0])
                text = (
                    f"{name}: this pass changed output {index} at {list(where[1:])}: "
                    f"{before[where]} before, {after[where]} after"
                )
                raise ValidationError(text + _first_difference(was.records, now.records))

    def _differs(self, module: ModuleOp, before: Array, after: Array) -> Array:
        least = 1e-12
        if _softmaxes(module) < _softmaxes(self._module):
            least = _OF_A_SOFTMAX * np.abs(before).max(initial=0)
        return ~np.isclose(before, after, rtol=self.relative, atol=least, equal_nan=True)

    def _is_noise(self, entry: str, index: int, module: ModuleOp, wrong: Array) -> bool:
        """Whether an output differs only as reals had too few digits.

        A sum of products that is exactly zero may be 1e-17 in float64, and what rounds it, or takes
        its sign, is another integer then; float32 sums of the host depend on where they lie in
        memory. Such frames are run again with more digits, where the machine has any.
        """
        more = _with_more_digits(module)
        if more is None:
            return False
        frames = np.unique(np.argwhere(wrong)[:, 0])
        inputs = [array[frames] for array in self.inputs[entry]]
        before, after = (
            run_model(m, inputs, real=more)[index]
            if entry == _NETWORK
            else run(m, entry, inputs, real=more)[index]
            for m in (self._module, module)
        )
        return not self._differs(module, before.reshape(after.shape), after).any()


def _with_more_digits(module: ModuleOp) -> Any:
    """Returns a numpy type of more digits than a module's reals have; None if there is none."""
    real = real_type(numerics(module))
    more = np.float64 if real is np.float32 else np.longdouble
    return more if np.finfo(more).nmant > np.finfo(real).nmant else None


class _Cut(Struct, frozen=True):
    """A value inside the network.

    Attributes:
        part: the function that it is in.
        value: the value.
        name: of it, for messages.
        shape: without dimensions of one.
        readers: what its users do with it.
    """

    part: str
    value: SSAValue
    name: str
    shape: tuple[int, ...]
    readers: tuple[Any, ...]

    @property
    def element(self) -> qint.IntType:
        """The type of its elements."""
        type_ = self.value.type
        found = type_.element if isinstance(type_, ChannelType) else element_of(type_)
        assert isinstance(found, qint.IntType)
        return found

    def outputs(
        self, module: ModuleOp, values: Array, real: Any = None
    ) -> tuple[Array, ...] | None:
        """Returns the network's outputs if this value is `values`; None if they need more.

        Reals are computed as `run` says.
        """
        parts = [part for part in ("head", "core", "tail") if part in functions(module)]
        found = run_from(module, self.part, self.value, values, real=real)
        left: tuple[Array, ...] = ()
        if self.part == "core" and found is not None:
            kept = len(found) - len(qint.state_of(functions(module)["core"]))
            found, left = found[:kept], found[kept:]
        for part in parts[parts.index(self.part) + 1 :] if self.part in parts else ():
            if found is None or len(functions(module)[part].args) > len(found):
                return None  # the core needs its states, or the tail the model's inputs, too
            found = run(module, part, found, real=real)
        return None if found is None else (*found, *left)


def _cuts(module: ModuleOp) -> dict[_Key, _Cut]:
    """Returns inputs and computed integers, these by source node and name if that is unique."""
    found: dict[_Key, _Cut | None] = {}
    starts = _entries(module).values()
    for part, function in functions(module).items():
        for argument in function.args if function in starts else ():
            found[part, f"argument {argument.index}"] = _cut(part, argument)
        for op in function.body.block.ops:
            for result in op.results:
                key = _key(op, result)
                found[key] = None if key in found or not op.operands else _cut(part, result)
    return {key: cut for key, cut in found.items() if cut is not None}


def _cut(part: str, value: SSAValue) -> _Cut | None:
    type_ = value.type
    element = type_.element if isinstance(type_, ChannelType) else element_of(type_)
    users = [use.operation for use in value.uses]
    if not isinstance(element, qint.IntType) or not users:
        return None
    name = source_of(value.owner) if isinstance(value.owner, Operation) else f"%{value.name_hint}"
    shape = type_.frame_shape if isinstance(type_, ChannelType) else shape_of(type_)
    readers = tuple(
        (user.name, tuple(user.properties.items()), "".join(map(str, user.regions)))
        for user in users
    )
    trimmed = tuple(extent for extent in shape if extent != 1)
    return _Cut(part, value, name, trimmed, readers)


def _softmaxes(module: ModuleOp) -> int:
    return sum(isinstance(op, nn.SoftmaxOp) for op in module.walk())


def _same_values(was: Mapping[str, _Results], now: Mapping[str, _Results]) -> set[_Key]:
    """Returns the values that vary from input to input, and alike in both runs."""
    found: set[_Key] = set()
    for entry in now.keys() & was.keys():
        earlier = was[entry].records
        for key, record in now[entry].records.items():
            value = record.value
            before = earlier[key].value if key in earlier else value[:0]
            same = before.size == value.size and bool((before.reshape(value.shape) == value).all())
            if same and value.size and value.min() != value.max():
                found.add(key)
    return found


def _sweep_values(was: _Cut, now: _Cut) -> Array:
    """Returns [count, *shape]: all elements alike, but within the proven range of their channel."""
    ranges = was.element.range, now.element.range
    lo, hi = max(r.lo for r in ranges), min(r.hi for r in ranges)
    hi = max(lo, hi)
    most = max(16, min(_SWEEP_VALUES, _SWEEP_ELEMENTS // max(1, int(np.prod(was.shape)))))
    steps = min(most, hi - lo + 1) - 1
    values = integers([lo + (hi - lo) * step // max(1, steps) for step in range(steps + 1)])
    swept = np.multiply.outer(values, np.ones(was.shape, values.dtype))
    for cut in (was, now):
        bounds = _channel_bounds(cut.value)
        if bounds is not None and was.shape and bounds[0].size == was.shape[-1]:
            swept = np.clip(swept, *bounds)
    return swept


def _channel_bounds(value: SSAValue) -> tuple[Array, Array] | None:
    """Returns the smallest and largest value per channel, the last axis; None if all are alike."""
    owner = value.owner
    if isinstance(owner, MvauOp | VvauOp):
        return dot_range(owner.weights_op.array, owner.input_channel.element.range)
    shape = shape_of(value.type)
    return channel_ranges(value, len(shape) - 1) if shape else None


def _entries(module: ModuleOp) -> dict[str, func.FuncOp]:
    """Returns what is run and compared, with the function whose arguments are its inputs."""
    found = functions(module)
    for start in ("main", "head"):
        if start in found:
            return {_NETWORK: found[start]}
    return found


def _first_difference(was: Mapping[_Key, _Record], now: Mapping[_Key, _Record]) -> str:
    """Returns the end of a message: the first operation whose integers differ, if one is known."""
    for key, record in now.items():
        earlier = was.get(key)
        if earlier is None or earlier.value.size != record.value.size:
            continue
        before = earlier.value.reshape(record.value.shape)
        differs = before != record.value
        if differs.any():
            at = tuple(int(i) for i in np.argwhere(differs)[0])
            return (
                f"; the first value that differs is that of {source_of(record.op)} at "
                f"{list(at[1:])}: {before[at]} before, {record.value[at]} after"
            )
    return ""
