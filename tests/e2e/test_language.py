"""The model language from the command line: import, check, fmt, compile to the same Verilog."""

import json

import pytest
from language import ROOT, network

from qcompiler.cli.main import main


def rtl(folder):
    return {f.name: f.read_bytes() for f in (folder / "rtl").rglob("*") if f.is_file()}


def test_import_gives_the_same_verilog(tmp_path):
    model = str(ROOT / "examples" / "digits_mlp" / "digits_mlp.onnx")
    text = str(tmp_path / "model.qnn")
    assert main(["import", model, "-o", text]) == 0
    assert main(["fmt", "--check", text]) == 0
    assert main(["compile", model, "--cycles", "64", "-o", str(tmp_path / "one")]) == 0
    assert main(["compile", text, "--cycles", "64", "-o", str(tmp_path / "two")]) == 0
    assert rtl(tmp_path / "one") == rtl(tmp_path / "two")


def test_import_of_a_download_with_brackets_in_its_name(tmp_path, capsys):
    model = ROOT / "examples" / "digits_mlp" / "digits_mlp.onnx"
    text = tmp_path / "model (1).qnn"
    assert main(["import", str(model), "-o", str(text)]) == 0
    assert main(["check", str(text)]) == 0
    assert main(["import", str(model), "-o", str(tmp_path / "a:b.qnn")]) == 1
    assert "cannot name the file 'a:b.npz'" in capsys.readouterr().err
    assert not list(tmp_path.glob("a:b*"))


def test_check_tells_everything(tmp_path, capsys):
    path = tmp_path / "n.qnn"
    path.write_text(network("y = conv2d(x)", "z = relu(xx)"))
    assert main(["check", str(path)]) == 1
    said = capsys.readouterr().err
    assert "y = conv2d(x)" in said
    assert "did you mean x?" in said
    assert main(["check", str(path), "--json"]) == 1
    assert [p["where"] for p in json.loads(capsys.readouterr().out)["problems"]] == [
        f"{path}:2:7", f"{path}:3:12",
    ]  # fmt: skip


def test_fmt_changes_files(tmp_path):
    path = tmp_path / "n.qnn"
    path.write_text("network n(x:float32[1]){return x}")
    assert main(["fmt", "--check", str(path)]) == 1
    assert main(["fmt", str(path)]) == 0
    assert path.read_text() == "network n(x: float32[1]) {\n  return x\n}\n"
    path.write_text("network n(")
    assert main(["fmt", str(path)]) == 1


def test_fmt_keeps_links_and_modes(tmp_path):
    path, link = tmp_path / "n.qnn", tmp_path / "link.qnn"
    path.write_text("network n(x:float32[1]){return x}")
    path.chmod(0o640)
    link.symlink_to(path)
    assert main(["fmt", str(link)]) == 0
    assert link.is_symlink()
    assert path.read_text().count("\n") == 3
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("options", [["--input", "x=uint8:1"], ["--numerics", "onnxruntime"]])
def test_options_of_models(options, tmp_path, capsys):
    path = tmp_path / "n.qnn"
    path.write_text(network())
    assert main(["compile", str(path), "--emit", "nn", *options]) == int("--input" in options)
    said = capsys.readouterr()
    assert ('qint.numerics = "onnxruntime"' in said.out) == ("--numerics" in options)


def test_import_names_what_is_wrong(tmp_path, capsys):
    assert main(["import", "nowhere.onnx", "-o", str(tmp_path / "n.qnn")]) == 1
    model = str(ROOT / "examples" / "digits_mlp" / "digits_mlp.onnx")
    assert main(["import", model, "-o", str(tmp_path / "n.txt")]) == 1
    assert "does not end in .qnn" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
