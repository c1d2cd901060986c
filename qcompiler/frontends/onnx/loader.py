"""Reads an ONNX file that may be damaged, hostile, or no ONNX file at all."""

from pathlib import Path
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from onnx import ModelProto, TensorProto

from qcompiler.errors import ModelError, Problem
from qcompiler.frontends.onnx.functions import inline_functions

MAX_FILE_BYTES = 2**31 - 1
"""What protobuf can read at most."""
MIN_OPSET = 9
_SINGLE = (Message, str, bytes, int, float)


def load_model(path: Path) -> ModelProto:
    """Returns the model with a non-empty graph in which model-local functions are inlined.

    External data is not read here.

    Raises:
        ModelError: the file cannot be read or holds no usable model.
    """
    model = _parse(_read(path), path)
    if not model.HasField("graph"):
        raise _error(path, "is not an ONNX model", "give the .onnx file that the exporter wrote")
    if not model.graph.node:
        raise _error(path, "has an empty graph", "export the network itself, not only its weights")
    problem = _opset_problem(model)
    if problem is not None:
        raise ModelError([problem])
    return inline_functions(model)


def opset_of(model: ModelProto) -> int:
    """Returns the version of ONNX's own operations that the model uses, 0 if it names none."""
    versions = [o.version for o in model.opset_import if o.domain in ("", "ai.onnx")]
    return max(versions, default=0)


def _opset_problem(model: ModelProto) -> Problem | None:
    opset = opset_of(model)
    if opset >= MIN_OPSET:
        return None
    return Problem(
        "model",
        f"opset must be {MIN_OPSET} or newer, got {opset or 'none'}",
        f"export with opset_version {MIN_OPSET} or newer, or use onnx.version_converter",
    )


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():
            what = "is not a file" if path.exists() else "does not exist"
            raise _error(path, what, "give the path of an .onnx file")
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise _error(
                path,
                f"has {size} bytes, more than the {MAX_FILE_BYTES} that protobuf can read",
                "save the model with external data",
            )
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        raise _error(
            path, f"cannot be read: {error}", "check the path and its permissions"
        ) from error


def _parse(data: bytes, path: Path) -> ModelProto:
    model = ModelProto()
    try:
        model.ParseFromString(data)
        valid = _is_text_valid(model)
    except DecodeError:
        raise _error(
            path,
            "is not an ONNX file, or it is truncated",
            "give the .onnx file that the exporter wrote, complete",
        ) from None
    except UnicodeDecodeError:
        valid = False
    if not valid:
        raise _error(path, "holds a name that is not valid UTF-8", "export the model again")
    return model


def _is_text_valid(message: Message) -> bool:
    """Returns whether all text is UTF-8.

    Of text that is not, protobuf 7 makes bytes; others raise UnicodeDecodeError or refuse it.
    """
    if isinstance(message, TensorProto):
        # Listing all fields of a tensor would copy its data.
        texts: list[object] = [message.name]
        texts.extend(text for entry in message.external_data for text in (entry.key, entry.value))
        return not any(isinstance(text, bytes) for text in texts)
    for field, value in message.ListFields():
        items: list[Any] = [value] if isinstance(value, _SINGLE) else list(value)
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            valid = all(map(_is_text_valid, items))
        else:
            is_text = field.type == FieldDescriptor.TYPE_STRING
            valid = not (is_text and any(isinstance(text, bytes) for text in items))
        if not valid:
            return False
    return True


def _error(path: Path, what: str, remedy: str) -> ModelError:
    return ModelError([Problem(str(path), what, remedy)])
