"""What to tell a user whose model computes in floating point, in whole or in part."""

from collections.abc import Mapping

from onnx import NodeProto

from qcompiler.errors import Problem, printable

_SHOWN = 40


def static_recipe(file: str, input_name: str) -> str:
    """Returns the call that quantizes a model after training, to be shown to a user.

    Args:
        file: name of the model's file.
        input_name: one of the model's inputs.
    """
    # A name that is cut short would make a call that does not work.
    model = file if len(printable(file)) <= _SHOWN else "model.onnx"
    name = input_name if len(printable(input_name)) <= _SHOWN else "input"
    made = f"{model.removesuffix('.onnx')}_int8.onnx"
    return (
        f"quantize_static({model!r}, {made!r}, reader) from onnxruntime.quantization, where "
        f"reader.get_next() returns {{{name!r}: array}} and None at the end"
    )


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
    recipe = f"quantize it: {static_recipe(file, input_name)}; or train with Brevitas or QKeras"
    return Problem("model", what, recipe)
