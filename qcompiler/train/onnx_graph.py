"""A graph of ONNX, with the quantizers of QONNX or those of ONNX, that layers add nodes to."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from qcompiler.arith.ranges import IntRange
from qcompiler.dialects.attributes import Array
from qcompiler.errors import ModelError, Problem

_helper: Any = helper
_checker: Any = onnx.checker
Format = Literal["qonnx", "qdq"]
DOMAIN = "qonnx.custom_op.general"
FLOAT32_INTEGERS = 2**24
"""Whole numbers up to here are exact in float32, and so are sums of them in any order."""


class OnnxGraph:
    """Nodes and constants in the order in which they were added.

    Attributes:
        label: names what the layer at hand adds.
        shapes: of tensors, with a batch of one, by their name.
        fractions: places behind the binary point of the numbers in tensors.
        opset: of ONNX that the nodes need.
        notes: what a runtime in float32 may compute differently, for people.
    """

    def __init__(self, form: Format = "qonnx") -> None:
        self.form = form
        self.label = ""
        self.opset = 13
        self.fractions: dict[str, int] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.notes: list[str] = []
        self._inputs: list[str] = []
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}
        self._taken: set[str] = set()

    def name(self, suffix: str = "") -> str:
        """Returns a name that nothing has yet."""
        wanted = f"{self.label}_{suffix}" if suffix else self.label
        name, count = wanted, 2
        while name in self._taken:
            name, count = f"{wanted}_{count}", count + 1
        self._taken.add(name)
        return name

    def constant(self, suffix: str, value: Array | float) -> str:
        """Adds a constant of floats; returns its name."""
        name = self.name(suffix)
        self._constants[name] = numpy_helper.from_array(np.asarray(value, np.float32), name)
        return name

    def along_channels(self, values: Array, tensor: str) -> Array:
        """Returns values per channel [C], or one [1], so that they broadcast to a tensor."""
        rank = len(self.shapes[tensor])
        return values.reshape(()) if values.size == 1 else values.reshape(-1, *[1] * (rank - 2))

    def shape(self, suffix: str, extents: Sequence[int]) -> str:
        """Adds a constant of integers that operations take as a shape or as axes."""
        name = self.name(suffix)
        self._constants[name] = numpy_helper.from_array(np.array(extents, np.int64), name)
        return name

    def node(
        self, operation: str, inputs: Sequence[str], suffix: str = "", **attributes: Any
    ) -> str:
        """Adds a node; returns the tensor that it makes, which has its name."""
        name = self.name(suffix)
        domain = DOMAIN if operation == "Quant" else ""
        self._nodes.append(
            helper.make_node(operation, list(inputs), [name], name, domain=domain, **attributes)
        )
        return name

    def quant(
        self,
        x: str,
        range_: IntRange,
        bits: int,
        suffix: str,
        mode: str = "ROUND",
        fraction: int = 0,
    ) -> str:
        """Adds a quantizer: x is rounded to multiples of 2**-fraction, which `range_` bounds."""
        if self.form == "qdq":
            return self._pair(x, range_, suffix, mode, fraction)
        signed = range_.lo < 0
        narrow = range_ != IntRange.for_bits(bits, signed)
        assert range_ == IntRange.for_bits(bits, signed, narrow), "as Quant has them"
        parameters = [
            self.constant(f"{suffix}_{name}" if suffix else name, float(value))
            for name, value in (("scale", 2.0**-fraction), ("zero_point", 0), ("bits", bits))
        ]
        attributes = {"signed": int(signed), "narrow": int(narrow), "rounding_mode": mode}
        return self.node("Quant", [x, *parameters], suffix, **attributes)

    def _pair(self, x: str, range_: IntRange, suffix: str, mode: str, fraction: int) -> str:
        """Adds QuantizeLinear and DequantizeLinear, which round half to even, and what they lack.

        Raises:
            ModelError: ONNX has no operation that rounds so, or codes have more than 8 bits.
        """
        if mode not in ("ROUND", "FLOOR", "CEIL"):
            what, remedy = f"QDQ has no rounding {mode}", "export QONNX, or use RND or RND_CONV"
            raise ModelError([Problem(self.label, what, remedy)])
        if range_.width_bits > 8:
            what = f"QDQ quantizes to 8 bits, got {range_.width_bits}"
            raise ModelError([Problem(self.label, what, "export QONNX, or use 8 bits")])
        part = f"{suffix}_" if suffix else ""
        unit = 2.0**-fraction
        if mode != "ROUND":
            scaled = x if fraction == 0 else self._times(x, 1 / unit, f"{part}units")
            whole = self.node(mode.capitalize(), [scaled], f"{part}whole")
            x = whole if fraction == 0 else self._times(whole, unit, f"{part}places")
        stored = np.int8 if range_.signed else np.uint8
        limits = np.iinfo(stored)
        if (range_.lo, range_.hi) != (limits.min, limits.max):
            ends = [self.constant(f"{part}{e}", getattr(range_, e) * unit) for e in ("lo", "hi")]
            x = self.node("Clip", [x, *ends], f"{part}clipped")
        parameters = [self.constant(f"{part}scale", unit), self.name(f"{part}zero_point")]
        zero = np.zeros((), stored)
        self._constants[parameters[1]] = numpy_helper.from_array(zero, parameters[1])
        codes = self.node("QuantizeLinear", [x, *parameters], f"{part}codes")
        return self.node("DequantizeLinear", [codes, *parameters], suffix)

    def _times(self, x: str, factor: float, suffix: str) -> str:
        return self.node("Mul", [x, self.constant(f"{suffix}_factor", factor)], suffix)

    def input(self, name: str) -> str:
        """Returns the name of an input of the model."""
        self.label = name
        self._inputs.append(self.name())
        return self._inputs[-1]

    def model(self, name: str, output: str) -> Any:
        """Returns the model, checked."""
        ends = [
            [
                helper.make_tensor_value_info(tensor, TensorProto.FLOAT, list(self.shapes[tensor]))
                for tensor in tensors
            ]
            for tensors in (self._inputs, [output])
        ]
        graph = _helper.make_graph(self._nodes, name, *ends, list(self._constants.values()))
        opsets = [helper.make_opsetid("", self.opset)]
        if self.form == "qonnx":
            opsets.append(helper.make_opsetid(DOMAIN, 1))
        model = helper.make_model(
            graph,
            opset_imports=opsets,
            ir_version=max(8, helper.find_min_ir_version_for(opsets, ignore_unknown=True)),
            producer_name="qcompiler",
        )
        _checker.check_model(model)
        return model
