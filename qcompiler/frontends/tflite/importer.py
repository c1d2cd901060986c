"""Walks a TensorFlow Lite network operation by operation and builds it in nn and qint."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from xdsl.dialects.builtin import ModuleOp, StringAttr, TensorType, f32
from xdsl.dialects.func import ReturnOp
from xdsl.ir import Attribute, Block, SSAValue
from xdsl.utils.exceptions import VerifyException

from qcompiler.dialects import qint
from qcompiler.dialects.attributes import Array
from qcompiler.errors import ModelError, Problem
from qcompiler.faults import guarded
from qcompiler.frontends import naming
from qcompiler.frontends.module import finished_module
from qcompiler.frontends.onnx.refusal import RefusalError
from qcompiler.frontends.onnx.tensors import MAX_ACTIVATION, check_elements
from qcompiler.frontends.tflite import ops
from qcompiler.frontends.tflite.model import QUANTIZE, Model, Node, Tensor
from qcompiler.frontends.tflite.node import IMPORTERS, RANGES, NodeContext, Walk
from qcompiler.frontends.tflite.ops.variables import VARIABLES, initial_values, variable_name
from qcompiler.frontends.tflite.reader import read_model
from qcompiler.frontends.tflite_numerics import KERNELS

_REGISTERED = ops.__all__  # the import alone registers the importers
_AGAIN = "convert the model again"


def import_tflite(path: str | Path, numerics: str = KERNELS[0]) -> ModuleOp:
    """Returns the network in a TensorFlow Lite file as one function `main`.

    Its integers are those of the reference kernels: their arithmetic is written out, and `exact`
    numerics computes it. What variables hold is state (`qint.state`).

    Args:
        path: the .tflite file.
        numerics: whose kernels: `tflite` for TensorFlow Lite (LiteRT), `tflite-micro` for that for
            microcontrollers, which rounds fully connected layers twice, as all others.

    Raises:
        ModelError: the file is at fault; lists every problem found.
    """
    walk = _NetworkImporter(read_model(Path(path)), numerics)
    module = walk.run(Path(path).stem)
    if walk.problems:
        raise ModelError(walk.problems)
    return module


class _NetworkImporter:
    """One walk over a network; a tensor is `broken` when a problem keeps it from being computed."""

    def __init__(self, model: Model, numerics: str):
        self.graph = model.main
        self.problems: list[Problem] = []
        self.broken: set[int] = set()
        self.walk = Walk(model, Block(), numerics)

    def run(self, name: str) -> ModuleOp:
        """Returns the module; it is of use only if no problem was found."""
        tensors = self.graph.tensors
        for index in self.graph.inputs:
            with self._reporting(f"{tensors[index].name} (input)", [index]):
                self._declare(index)
        variables = self._declare_variables()
        for node in self.graph.nodes:
            with self._reporting(node.where, node.outputs):
                self._import_node(node)
        results = self._results()
        for variable in variables:
            results.append(self.walk.variables[variable])
        self.walk.block.add_op(ReturnOp(*results))
        nodes = {
            naming.ascii_text(n.name).data: StringAttr(f"TFLite {naming.ascii_text(n.kind).data}")
            for n in self.graph.nodes
            if n.kind not in VARIABLES
        }
        inputs = [tensors[index].name for index in self.graph.inputs]
        outputs = [tensors[index].name for index in self.graph.outputs]
        state = {name: self.walk.initial[name] for name in variables}
        return finished_module(self.walk.block, name, inputs, outputs, "exact", nodes, state)

    @contextmanager
    def _reporting(self, where: str, made: Sequence[int]) -> Generator[None]:
        """Turns a refusal into a problem, and breaks the tensors that are missing then."""
        try:
            yield
        except RefusalError as refusal:
            self.problems.append(Problem(where, refusal.what, refusal.remedy))
        except VerifyException as error:
            what = str(error).strip().partition("\n")[0]
            self.problems.append(Problem(where, what, _AGAIN))
        finally:
            known = self.walk.values.keys() | self.walk.handles.keys()
            self.broken.update(index for index in made if index not in known)

    def _argument(self, type_: Attribute, name: str) -> SSAValue:
        argument = self.walk.block.insert_arg(type_, len(self.walk.block.args))
        argument.location = naming.location(name)
        argument.name_hint = naming.hint(name)
        return argument

    def _declare(self, index: int) -> None:
        tensor = self.graph.tensors[index]
        if index in self.walk.values:
            raise RefusalError("is listed twice", _AGAIN)
        self.walk.values[index] = self._argument(_type_of(tensor), tensor.name)

    def _declare_variables(self) -> list[str]:
        """Adds an argument for each variable with a first value; returns their names in order."""
        with self._reporting("variables", []):
            self.walk.initial = self._first_values()
        used = [variable_name(n) for n in self.graph.nodes if n.kind == "VAR_HANDLE"]
        return [name for name in dict.fromkeys(used) if name in self.walk.variables]

    def _first_values(self) -> dict[str, Array]:
        found = initial_values(self.walk.model)
        order = [variable_name(n) for n in self.graph.nodes if n.kind == "VAR_HANDLE"]
        for name in dict.fromkeys(order):
            if name in found:
                tensor, _ = found[name]
                self.walk.variables[name] = self._argument(_type_of(tensor), name)
        return {name: values for name, (_, values) in found.items()}

    def _import_node(self, node: Node) -> None:
        if any(index in self.broken for index in node.inputs):
            return
        function = IMPORTERS.get(node.kind)
        if function is None:
            known = ", ".join(sorted(IMPORTERS))
            raise RefusalError(
                f"operation {node.kind} is not supported", f"use other operations; known: {known}"
            )
        refusals = (RefusalError, VerifyException)
        with guarded("import", function, node.where, refusals):
            function(NodeContext(node, self.walk))

    def _results(self) -> list[SSAValue]:
        found: list[SSAValue] = []
        for index in self.graph.outputs:
            with self._reporting(f"{self.graph.tensors[index].name} (output)", []):
                if index in self.walk.values:
                    found.append(self.walk.values[index])
                elif index not in self.broken:
                    raise RefusalError("is made by no operation", _AGAIN)
        if not self.graph.outputs or not self.graph.inputs:
            missing = "outputs" if self.graph.inputs else "inputs"
            self.problems.append(Problem("network", f"has no {missing}", _AGAIN))
        return found


def _type_of(tensor: Tensor) -> Attribute:
    """Returns the type of an argument.

    Raises:
        RefusalError: its elements are neither int8, uint8 nor float32, or too many.
    """
    check_elements(tensor.shape, limit=MAX_ACTIVATION, what=tensor.where)
    if tensor.kind in RANGES:
        codes = RANGES[tensor.kind]
        return TensorType(qint.IntType(codes.lo, codes.hi), tensor.shape)
    if tensor.kind != "FLOAT32":
        raise RefusalError(f"{tensor.where} must be int8, got {tensor.kind.lower()}", QUANTIZE)
    return TensorType(f32, tensor.shape)
