"""Walks an ONNX graph node by node and builds the same network in nn and qint."""

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, ValueInfoProto
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import ReturnOp
from xdsl.ir import Block, SSAValue
from xdsl.utils.exceptions import VerifyException

from qcompiler.dialects import nn
from qcompiler.dialects.nn import Rounding
from qcompiler.dialects.qint.boundary import DequantizeOp, QuantizeOp
from qcompiler.errors import ModelError, Problem
from qcompiler.faults import guarded
from qcompiler.frontends.module import finished_module
from qcompiler.frontends.onnx import naming, ops
from qcompiler.frontends.onnx.attributes import check_names, check_read
from qcompiler.frontends.onnx.float_models import float_problem
from qcompiler.frontends.onnx.folding import fold, is_deterministic
from qcompiler.frontends.onnx.formats import default_numerics, is_quantizer
from qcompiler.frontends.onnx.functions import has_subgraph
from qcompiler.frontends.onnx.inputs import InputSpec
from qcompiler.frontends.onnx.interface import argument_type, has_open_batch, real_input
from qcompiler.frontends.onnx.loader import load_model, opset_of
from qcompiler.frontends.onnx.node import NodeContext, is_integer
from qcompiler.frontends.onnx.order import in_order
from qcompiler.frontends.onnx.places import narrow_places, says_place, wide_arguments
from qcompiler.frontends.onnx.refusal import RefusalError, Value
from qcompiler.frontends.onnx.registry import IMPORTERS, Importer
from qcompiler.frontends.onnx.tensors import HALVES, array_of
from qcompiler.frontends.onnx.tokens import token_range
from qcompiler.frontends.onnx.unsupported import is_dynamic, reason_and_remedy
from qcompiler.frontends.onnx.values import Values
from qcompiler.provenance.keep_sources import NodeGraph, keep_nodes

_REGISTERED = ops.__all__  # the import alone registers the importers
_MAKE_OTHER_TYPES = ("Cast", "Where")
_POOLS_OF_INTEGERS = ("MaxPool", "GlobalMaxPool")
_NOT_VALID = "export the model again, this graph is not valid"


def import_onnx(
    path: str | Path,
    *,
    inputs: Mapping[str, InputSpec] | None = None,
    numerics: str | None = None,
    floats: bool = False,
) -> ModuleOp:
    """Returns the network in a model file as one function `main` of nn and qint operations.

    The module carries the model's name (`nn.name`), the original names of arguments and results
    (`nn.inputs`, `nn.outputs`), the types of its nodes by name (`nn.nodes`) and the numerics
    (`qint.numerics`). An open batch size (the first extent of an input) is taken as 1, and so is
    one of several images that the network treats apart.

    Args:
        path: the .onnx file; external data is read from its folder only.
        inputs: for inputs that arrive as integers, which ones and what they stand for.
        numerics: `exact` or `onnxruntime`; None for what the format means: `exact` for QONNX,
            `onnxruntime` for QDQ and QOperator.
        floats: take a model that computes in floating point, too, as the quantizer of such does.

    Raises:
        ModelError: the file or the request is at fault; lists every problem found.
    """
    module, problems = _import(Path(path), inputs or {}, numerics, floats=floats)
    if problems:
        raise ModelError(problems)
    return module


def inspect_problems(
    path: str | Path,
    inputs: Mapping[str, InputSpec] | None = None,
    numerics: str | None = None,
) -> list[Problem]:
    """Returns all that keeps a model file from being imported; empty if nothing does."""
    try:
        return _import(Path(path), inputs or {}, numerics)[1]
    except ModelError as error:
        return list(error.problems)


def _import(
    path: Path, inputs: Mapping[str, InputSpec], numerics: str | None, *, floats: bool = False
) -> tuple[ModuleOp, list[Problem]]:
    walk = _GraphImporter(load_model(path), path.parent, inputs, numerics, floats=floats)
    return walk.run(path), walk.problems


class _GraphImporter:
    """One walk over a graph.

    A tensor is in `values`, or in `broken` when a problem that was reported keeps it from being
    computed; what depends on it is passed over in silence.
    """

    def __init__(
        self,
        model: ModelProto,
        folder: Path,
        inputs: Mapping[str, InputSpec],
        numerics: str | None,
        *,
        floats: bool,
    ):
        self.floats = floats
        self.problems: list[Problem] = []
        self.unsupported: dict[Problem, NodeProto] = {}
        self.broken: set[str] = set()
        self.open_inputs: list[str] = []
        self.graph: GraphProto = model.graph
        self.opset = opset_of(model)
        self.specs = inputs
        self.numerics = self._chosen(numerics)
        self.block = Block()
        self.values = Values(self.block, folder, self.numerics, self.graph)
        self.nodes = in_order(self.graph.node)
        self.made_by = {o: n for n in self.nodes for o in n.output if o}
        self.used = {i for n in self.graph.node for i in n.input}
        self.used.update(o.name for o in self.graph.output)

    def run(self, path: Path) -> ModuleOp:
        """Returns the module of the file `path`; it is of use only if no problem was found."""
        self._declare_constants()
        inputs = self._declare_inputs()
        for node in self.nodes:
            with self._reporting(naming.where(node), node.output):
                self._import_node(node)
        outputs = [output.name for output in self.graph.output]
        self._return(outputs)
        narrow_places(self.values.places)
        for name in wide_arguments(self.block, inputs):
            what = f"its places are computed from {name!r}, whose int64 nothing bounds"
            remedy = "give the place itself as an input, without arithmetic between"
            self.problems.append(Problem(f"{name} (input)", what, remedy))
        self._check_quantized(path.name, inputs)
        self._merge_dynamic()
        nodes = naming.node_types(self.graph.node)
        module = finished_module(self.block, path.stem, inputs, outputs, self.numerics, nodes)
        keep_nodes(module, self._node_graph(outputs))
        return module

    def _node_graph(self, outputs: Iterable[str]) -> NodeGraph:
        """Returns the nodes that outputs need: those evaluated here live on in what uses them."""
        graph, needed = NodeGraph(), set(outputs)
        for node in reversed(self.nodes):
            if needed.isdisjoint(node.output):
                continue
            needed.update(node.input)
            name = naming.source_name(node)
            graph.add(name)
            for maker in (self.made_by[i] for i in node.input if i in self.made_by):
                graph.link(naming.source_name(maker), name)
        return graph

    @contextmanager
    def _reporting(self, where: str, names: Iterable[str]) -> Generator[None]:
        """Turns a refusal into a problem, and breaks the tensors `names` that are missing then."""
        try:
            yield
        except RefusalError as refusal:
            self.problems.append(Problem(where, refusal.what, refusal.remedy))
        except VerifyException as error:
            what = str(error).strip().partition("\n")[0]
            self.problems.append(self._invalid(where, what))
        finally:
            self.broken.update(n for n in names if n and n not in self.values)

    def _invalid(self, where: str, what: str) -> Problem:
        """Returns the problem of shapes that do not fit; an open extent may be to blame."""
        if not self.open_inputs:
            return Problem(where, what, _NOT_VALID)
        names = ", ".join(repr(name) for name in self.open_inputs)
        return Problem(
            where,
            f"{what}; the open first axis of input {names} was taken as a batch of one",
            "if that axis is no batch (but time, say), export with its extent fixed",
        )

    def _chosen(self, numerics: str | None) -> str:
        """Returns what the model's format means, unless the user decided."""
        if numerics is not None:
            return numerics
        try:
            return default_numerics(self.graph.node)
        except RefusalError as refusal:
            self.problems.append(Problem("model", refusal.what, refusal.remedy))
            return "exact"

    def _declare_constants(self) -> None:
        for tensor in self.graph.initializer:
            with self._reporting(f"{tensor.name} (initializer)", [tensor.name]):
                self.values.constants.add(tensor.name)
                self._bind(tensor.name, array_of(tensor, self.values.folder))
                if tensor.data_type in HALVES:
                    self.values.short_constants[tensor.name] = tensor.data_type
        for sparse in self.graph.sparse_initializer:
            name = sparse.values.name
            with self._reporting(f"{name} (initializer)", [name]):
                raise RefusalError("sparse tensors are not supported", "store it as dense tensor")

    def _declare_inputs(self) -> list[str]:
        """Adds an argument for each input that is no constant; returns their names."""
        constants = {t.name for t in self.graph.initializer}
        inputs = [info for info in self.graph.input if info.name not in constants]
        for info in inputs:
            with self._reporting(f"{info.name} (input)", [info.name]):
                self._declare_input(info)
        names = [info.name for info in inputs]
        for unknown in sorted(self.specs.keys() - set(names)):
            what = (
                f"the model has no input {unknown!r}, its inputs are {', '.join(names) or 'none'}"
            )
            self.problems.append(Problem(f"input option {unknown}", what, "use one of these names"))
        if not inputs:
            self.problems.append(Problem("graph", "has no inputs", _NOT_VALID))
        return names

    def _declare_input(self, info: ValueInfoProto) -> None:
        spec = self.specs.get(info.name)
        if has_open_batch(info):
            self.open_inputs.append(info.name)
        places = says_place(self.graph.node, info.name)
        tokens = token_range(self.graph, info.name)
        type_ = argument_type(info, spec, tokens, says_place=places)
        argument = self.block.insert_arg(type_, len(self.block.args))
        argument.location = naming.location(info.name)
        argument.name_hint = naming.hint(info.name)
        value: SSAValue = argument
        if spec is not None:
            ops = real_input(argument, spec, info.name)
            self.block.add_ops(ops)
            value = ops[-1].results[0]
        element = info.type.tensor_type.elem_type
        if spec is None and element in HALVES:
            rounded = nn.RoundToOp(argument, HALVES[element])
            rounded.location = argument.location
            self.block.add_op(rounded)
            value = rounded.result
            self.values.integers[info.name] = element
        self._bind(info.name, value)

    def _bind(self, name: str, value: Value, *, computed: bool = False) -> None:
        if not name:
            raise RefusalError("a tensor has no name", "give each tensor its own name")
        if name in self.values:
            raise RefusalError(f"tensor {name!r} is defined twice", "give each tensor its own name")
        self.values.bind(name, value, computed=computed)

    def _import_node(self, node: NodeProto) -> None:
        """Binds the outputs of a node, unless an input is broken."""
        importer = IMPORTERS.get((naming.domain_of(node), node.op_type))
        constant_only = self._is_constant_only(node, importer)
        if constant_only:
            self.values.constants.update(node.output)
        if has_subgraph(node) or (importer is None and not constant_only):
            self._refuse_operation(node)
        self._check_order(node)
        if any(name in self.broken for name in node.input):
            return
        if constant_only and self._folds(node, importer):
            check_names(node, self.opset)
            inputs = [self.values.elements(name) if name else None for name in node.input]
            results: list[Value] = list(fold(node, inputs, self.opset))
            self._bind_outputs([name for name in node.output if name], results)
            return
        assert importer is not None
        refusals = (RefusalError, VerifyException)
        with guarded("import", importer.function, naming.where(node), refusals):
            context = NodeContext(node, self.opset, self.values)
            result = importer.function(context)
        if importer.reads_all:
            check_read(node, context.attributes_read, self.opset)
        single = isinstance(result, SSAValue | np.ndarray)
        self._bind_outputs(node.output, [result] if single else result)
        moves = importer.moves_data or node.op_type in _POOLS_OF_INTEGERS
        if moves and node.op_type not in _MAKE_OTHER_TYPES:
            self._keep_integers(node)

    def _refuse_operation(self, node: NodeProto) -> NoReturn:
        problem = Problem(naming.where(node), *reason_and_remedy(node))
        self.unsupported[problem] = node
        raise RefusalError(problem.what, problem.remedy)

    def _keep_integers(self, node: NodeProto) -> None:
        """Integers that a node moves stay integers of the same type."""
        kind = NodeContext(node, self.opset, self.values).integer_type(0) if node.input else None
        made = [name for name in node.output if name in self.values]
        for name in made:
            value = self.values[name]
            if kind is not None and isinstance(value, SSAValue) and not is_integer(value):
                self.values.integers[name] = kind

    def _is_constant_only(self, node: NodeProto, importer: Importer | None) -> bool:
        """Returns whether what the node makes is known without the network's inputs."""
        names = [name for name in node.input if name]
        evaluable = importer is not None or is_deterministic(node)
        return bool(names) and evaluable and all(map(self.values.is_constant, names))

    def _folds(self, node: NodeProto, importer: Importer | None) -> bool:
        """Returns whether to evaluate a node of constants now; real arithmetic is for passes."""
        if importer is None:
            return True
        arrays = [self.values.array(name) for name in node.input if name]
        if any(array is None for array in arrays):
            return False
        if importer.moves_data or importer.folds_constants:
            return True
        return all(a is None or a.dtype.kind != "f" for a in arrays)

    def _check_order(self, node: NodeProto) -> None:
        for name in node.input:
            if not name or name in self.values or name in self.broken:
                continue
            if name in self.made_by:
                raise RefusalError(
                    f"takes {name!r}, which depends on what this node makes: the graph has a cycle",
                    "export the model again, without results that nodes take from each other",
                )
            raise RefusalError(f"takes {name!r}, which nothing defines", _NOT_VALID)

    def _bind_outputs(self, names: Sequence[str], results: Sequence[Value]) -> None:
        for index, name in enumerate(names):
            if index < len(results) and name:
                self._bind(name, results[index], computed=bool(self.made_by[name].input))
            elif name in self.used and name:
                raise RefusalError(
                    f"output {index} ({name!r}) is used, but only the first "
                    f"{len(results)} outputs are supported",
                    "export for inference, or compute it differently",
                )

    def _return(self, names: Sequence[str]) -> None:
        """Adds the function's end, with those outputs `names` that exist."""
        operands: list[SSAValue] = []
        for index, name in enumerate(names):
            with self._reporting(f"{name} (output)", []):
                if name in names[:index]:
                    raise RefusalError("is listed twice", "give each output its own name")
                if name in self.values:
                    operands.append(self.values.operand(name))
                elif name not in self.broken:
                    raise RefusalError("is made by no node", _NOT_VALID)
        if not names:
            self.problems.append(Problem("graph", "has no outputs", _NOT_VALID))
        self.block.add_op(ReturnOp(*operands))

    def _check_quantized(self, file: str, inputs: Sequence[str]) -> None:
        """Gives a model of floating point one problem, in place of one for each node."""
        if self.floats:
            return
        # By a plugin, too.
        kinds = QuantizeOp | DequantizeOp | Rounding
        quantizes = any(isinstance(op, kinds) for op in self.block.ops)
        integers = self.values.integers or any(map(is_integer, self.block.args))
        if quantizes or integers or any(map(is_quantizer, self.graph.node)):
            return
        listed = [problem for problem in self.problems if problem not in self.unsupported]
        name = inputs[0] if inputs else "input"
        problem = float_problem(file, name, self.unsupported)
        self.problems[:] = [problem, *listed]

    def _merge_dynamic(self) -> None:
        """Of the problems of a model that was quantized dynamically the first says it all."""
        _, *others = [p for p, n in self.unsupported.items() if is_dynamic(n)] or [None]
        self.problems[:] = [problem for problem in self.problems if problem not in others]
