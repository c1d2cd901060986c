"""What to tell a user whose model computes in floating point, in whole or in part."""

import shlex
from collections.abc import Mapping

from onnx import NodeProto

from qcompiler.errors import Problem, printable

_SHOWN = 40


def _shown(name: str, otherwise: str) -> str:
    """Returns a name; one that is cut short would make a call that does not work."""
    return name if len(printable(name)) <= _SHOWN else otherwise


def quantize_line(file: str) -> str:
    """Returns the command that quantizes a model, to be shown to a user.

    Args:
        file: name of the model's file.
    """
    model = _shown(file, "model.onnx")
    made = f"{model.removesuffix('.onnx')}_quantized.onnx"
    return f"qcc quantize {shlex.quote(model)} -o {shlex.quote(made)} --data FILE.npz"


def float_problem(file: str, input_name: str, unsupported: Mapping[Problem, NodeProto]) -> Problem:
    """Returns the one problem of a model that has no quantizer.

    Args:
        file: name of the model's file.
        input_name: one of the model's inputs.
        unsupported: its nodes that cannot be imported, quantized or not, by their problems.
    """
    what = "the network has no quantizer, all of it computes in floating point"
    kinds = {node.op_type for node in unsupported.values()}
    for problem in list(unsupported)[:1]:
        more = f", and more kinds of operations: {len(kinds) - 1}" if len(kinds) > 1 else ""
        what += f"; beside that, {problem.where}: {problem.what} ({problem.remedy}){more}"
    frames = f"frames of {_shown(input_name, 'each input')} in FILE.npz"
    recipe = f"quantize it: {quantize_line(file)}, with {frames}; or train with Brevitas or QKeras"
    return Problem("model", what, recipe)
