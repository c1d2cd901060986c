"""Files that are damaged, hostile, or no models at all."""

import os

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper
from onnx_models import F32, imported, last, messages, node, quantized, save

from qcompiler.errors import ModelError
from qcompiler.frontends.onnx import import_onnx, inspect_problems


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"not a model", "is not an ONNX file, or it is truncated"),
        (b"", "is not an ONNX model"),
        (ModelProto(ir_version=8).SerializeToString(), "is not an ONNX model"),
        (helper.make_model(helper.make_graph([], "g", [], [])).SerializeToString(), "empty graph"),
    ],
)
def test_files_that_are_no_models(tmp_path, data, message):
    path = tmp_path / "net.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelError, match=message):
        import_onnx(path)


def test_every_truncation_is_refused(tmp_path):
    data = quantized([node("Relu", ["q"], ["y"])], {"w": F32([1, 2])}).SerializeToString()
    path = tmp_path / "net.onnx"
    opsets = 40  # they come last; without one of them this is another, valid model
    for size in range(len(data)):
        path.write_bytes(data[:size])
        assert inspect_problems(path) or size > len(data) - opsets


@pytest.mark.parametrize("name", ["absent.onnx", ".", "a\0b"])
def test_paths_that_are_no_files(tmp_path, name):
    (problem,) = inspect_problems(tmp_path / name)
    assert problem.what in ("does not exist", "is not a file")


def test_file_beyond_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr("qcompiler.frontends.onnx.loader.MAX_FILE_BYTES", 10)
    path = save(quantized([node("Relu", ["q"], ["y"])]), tmp_path)
    assert "more than the 10 that protobuf can read" in inspect_problems(path)[0].what


@pytest.mark.parametrize("where", ["node", "input", "initializer", "attribute"])
def test_text_that_is_not_utf8(tmp_path, where):
    places = {"node": "q", "input": "q", "initializer": "w", "attribute": "q", where: "NAME"}
    relu = node("Relu", [places["input"]], ["y"], name=places["node"])
    relu.attribute.append(helper.make_attribute(places["attribute"], 1))
    graph = quantized([relu], {places["initializer"]: F32(1)})
    path = tmp_path / "net.onnx"
    path.write_bytes(graph.SerializeToString().replace(b"NAME", b"\xff\xfe\xfd\xfc"))
    (problem,) = inspect_problems(path)
    assert problem.what in (
        "holds a name that is not valid UTF-8",
        "is not an ONNX file, or it is truncated",
    )


def _with_tensor(tensor: TensorProto):
    graph = quantized([node("Add", ["q", "w"], ["y"])])
    graph.graph.initializer.append(tensor)
    return graph


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"dims": [2**20, 2**20], "raw_data": b"\0" * 4},
            "a tensor may have at most 268435456 elements, got shape [1048576, 1048576]",
        ),
        (
            {"dims": [2**13, 2**13], "raw_data": b"\0" * 4},
            "shape [8192, 8192] of float needs 268435456 bytes, but 4 are stored",
        ),
        (
            {"dims": [3], "float_data": [1.0]},
            "shape [3] of float needs 3 elements, but 1 are stored",
        ),
        ({"dims": [-1], "raw_data": b""}, "extents of a tensor must be positive, got shape [-1]"),
        ({"dims": [1], "data_type": TensorProto.STRING}, "elements of string are not supported"),
        ({"dims": [1], "data_type": 99}, "elements of type 99 are not supported"),
        ({"dims": [1], "data_type": 0}, "elements of undefined are not supported"),
    ],
)
def test_tensors_that_lie(tmp_path, fields, message):
    tensor = TensorProto(**{"name": "w", "data_type": TensorProto.FLOAT, **fields})
    assert messages(_with_tensor(tensor), tmp_path) == [f"w (initializer): {message}"]


def test_empty_parameters(tmp_path):
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[0], raw_data=b"")
    assert messages(_with_tensor(tensor), tmp_path) == ["y (ONNX Add): tensor 'w' is empty"]


def test_constants_are_bounded_together(tmp_path, monkeypatch):
    graph = quantized([node("Add", ["q", "w"], ["y"])], {"w": F32([1] * 4)})
    monkeypatch.setattr("qcompiler.frontends.onnx.values.MAX_CONSTANT_ELEMENTS", 6)
    (message,) = messages(graph, tmp_path)
    assert message == "w (initializer): all constants together may have at most 6 elements, got 7"


def _external(location: str, **entries: int) -> ModelProto:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4])
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=str(value))
    return _with_tensor(tensor)


def test_external_data(tmp_path):
    (tmp_path / "w.bin").write_bytes(b"head" + F32([1, 2, 3, 4]).tobytes() + b"tail")
    graph = _external("w.bin", offset=4, length=16)
    assert last(imported(graph, tmp_path)).rhs.owner.array.tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("location", ["../secret", "{absolute}", "link", "sub/../../secret"])
def test_external_data_outside_the_folder(tmp_path, location):
    secret = tmp_path / "secret"
    secret.write_bytes(np.ones(4, F32).tobytes())
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    os.symlink(secret, folder / "link")
    (message,) = messages(_external(location.format(absolute=secret)), folder)
    assert message.endswith("lies outside the model's folder")


def test_external_data_through_a_harmless_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "w.bin").write_bytes(np.ones(4, F32).tobytes())
    os.symlink(tmp_path / "real", tmp_path / "alias")
    imported(_external("w.bin"), tmp_path / "alias")


@pytest.mark.parametrize(
    ("location", "entries", "message"),
    [
        ("absent", {}, "external data file 'absent' is missing"),
        ("", {}, "external data file '' is missing"),
        (".", {}, "external data file '.' is missing"),
        ("a\0b", {}, "external data file 'a\\x00b' is missing"),
        ("loop", {}, "external data file 'loop' is missing"),
        ("w.bin", {"offset": 8}, "shape [4] of float needs 16 bytes, but 8 are stored"),
        ("w.bin", {"offset": -4}, "external data has a bad offset, got '-4'"),
        ("w.bin", {"offset": 99}, "external data lies at bytes 99 to 99, but w.bin has 16 bytes"),
        (
            "w.bin",
            {"offset": 4, "length": 16},
            "external data lies at bytes 4 to 20, but w.bin has 16 bytes",
        ),
        ("w.bin", {"length": 10**30}, f"external data has a bad length, got '{10**30}'"),
    ],
)
def test_external_data_that_is_wrong(tmp_path, location, entries, message):
    (tmp_path / "w.bin").write_bytes(np.ones(4, F32).tobytes())
    os.symlink(tmp_path / "loop", tmp_path / "loop")
    assert messages(_external(location, **entries), tmp_path) == [f"w (initializer): {message}"]


def test_sparse_initializer(tmp_path):
    graph = quantized([node("Add", ["q", "w"], ["y"])])
    graph.graph.sparse_initializer.add().values.name = "w"
    assert messages(graph, tmp_path) == ["w (initializer): sparse tensors are not supported"]
