"""`qcc.toml`: options of a model in a file; the command line wins, and nothing is ignored."""

import json
from pathlib import Path

import pytest
from cli_runner import qcc, saved_mlp

from qcompiler import ModelError
from qcompiler.cli.project_file import read_project


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Writes `net/qcc.toml` beside a model; the working directory is above."""
    folder = tmp_path / "net"
    folder.mkdir()
    saved_mlp(folder)
    monkeypatch.chdir(tmp_path)

    def write(*lines: str) -> Path:
        (folder / "qcc.toml").write_text("\n".join(lines))
        return Path("net/qcc.toml")

    return write


def made(folder):
    told = json.loads(Path(folder, "design.json").read_text())
    return told["predicted"]["cycles_per_frame"], told["mhz"], told["origin"]["command"]


def test_file_says_what_the_command_line_would(project, capfd):
    path = project('model = "net.onnx"', 'output = "out"', "cycles = 8", "mhz = 50")
    assert qcc(capfd, "compile", path).status == 0
    assert made("net/out") == (8, 50.0, "qcc compile net.onnx --cycles 8 --mhz 50")


def test_a_choice_may_be_a_number(project, capfd):
    path = project('model = "net.onnx"', 'output = "out"', "cycles = 1", "effort = 1")
    assert qcc(capfd, "compile", path).status == 0
    assert made("net/out")[2] == "qcc compile net.onnx --cycles 1 --effort 1"


def test_the_command_line_wins(project, capfd):
    path = project('model = "net.onnx"', "cycles = 8", "mhz = 50.5")
    fps = ("--fps", 25e6, "--mhz", 100, "-o", "here")
    assert qcc(capfd, "compile", path, *fps).status == 0
    assert made("here")[:2] == (4, 100.0)
    path = project('model = "net.onnx"', "cycles = 1", 'interface = "plain"')
    assert qcc(capfd, "compile", path, "--interface", "stream", "-o", "there").status == 0
    assert made("there")[2] == "qcc compile net.onnx --cycles 1", "also with what is the default"


def test_without_model_the_file_here_is_followed(project, capfd, monkeypatch):
    project('model = "net.onnx"', 'output = "out"')
    refused = qcc(capfd, "compile")
    assert refused.status == 2
    assert "required: MODEL, as there is no qcc.toml in this directory" in refused.words
    monkeypatch.chdir("net")
    assert "net.onnx: compiles" in qcc(capfd, "check").out
    assert qcc(capfd, "compile", "--emit", "qint").status == 0, "nothing is written"
    assert not Path("out").exists()


def test_every_problem_at_once(project):
    path = project("device = 3", "cycels = 8", 'fps = "many"', "max-luts = -1", '"x\\u001b" = 1')
    with pytest.raises(ModelError) as found:
        read_project(path)
    said = {p.where.partition(": ")[2]: f"{p.what}; {p.remedy}" for p in found.value.problems}
    assert said.pop("") == 'names no model; add model = "FILE.onnx"'
    assert said["cycels"] == "is no option that a model has; did you mean cycles?"
    assert said["device"].startswith("must be a text, got 3")
    assert said["fps"].startswith("must be a number")
    assert said["max-luts"].startswith("must be positive, got -1")
    assert "x\\x1b" in said


@pytest.mark.parametrize(
    ("lines", "what"),
    [
        (("model = ",), "cannot be read"),
        (('model = "net.onnx"', "fps = 3", "cycles = 3"), "says the same as cycles"),
        (('model = "net.onnx"', "mhz = inf"), "must be finite, got inf"),
        (('model = "net.onnx"', "[input]", 'x = "uint9000:1"'), "input.x"),
        (('model = "net.onnx"', "[input]", "x = 1"), "must be a table of texts"),
        (('model = "net.onnx"', "plugin = ['gone.py']"), "is no file of Python"),
    ],
)
def test_refusals(project, capfd, lines, what):
    refused = qcc(capfd, "check", project(*lines))
    assert refused.status == 1
    assert what in refused.words


def test_input_and_plugin(project, capfd):
    project('model = "net.onnx"')
    (Path("net") / "mine.py").write_text("LOADED = True\n")
    path = project('model = "net.onnx"', 'plugin = ["mine.py"]', "[input]", 'x = "int4:0.5"')
    assert qcc(capfd, "compile", path, "-o", "here").status == 0
    command = "qcc compile net.onnx --input x=int4:0.5 --plugin net/mine.py"
    assert made("here")[2] == command
    given = ("--input", "x=int4:0.25")
    assert qcc(capfd, "compile", path, *given, "-o", "there").status == 0
    assert "x=int4:0.25" in made("there")[2], "the command line wins"
