"""Shells complete what the parsers know."""

import shutil
import subprocess

import pytest
from cli_runner import qcc

from qcompiler.cli.main import COMMANDS

CASES = [
    (("qcc", "pa"), ["package"]),
    (("qcc", "package", "design", "--format", ""), ["ipxact", "fusesoc", "filelist"]),
    (("qcc", "compile", "m.onnx", "--emit", "r"), ["rtl"]),
    (("qcc", "compile", "m.onnx", "--print-ir"), ["--print-ir-after"]),
    (("qcc", "completion", ""), ["bash", "zsh", "fish"]),
    (("qcc", "opt", "--print-ir-d"), ["--print-ir-diff"]),
    (("qcc", ""), [*COMMANDS, "--help", "--version"]),
]


@pytest.fixture(scope="module")
def scripts():
    """The script of each shell: all parsers are loaded for it, once here."""
    from qcompiler.cli.completion_command import _lines

    return {shell: "".join(_lines(shell)) for shell in ("bash", "zsh", "fish")}


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(("words", "completed"), CASES)
def test_bash(scripts, tmp_path, words, completed):
    (tmp_path / "qcc.bash").write_text(scripts["bash"])
    code = 'source qcc.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _qcc; '
    code += 'printf "%s\\n" "${COMPREPLY[@]}"'
    command = ["bash", "-uc", code, "bash", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == completed
    assert done.stderr == ""


def test_other_shells_have_all_commands(scripts):
    for name in COMMANDS:
        assert f"-xa {name} " in scripts["fish"]
    assert "bashcompinit" in scripts["zsh"]
    assert "declare" not in scripts["zsh"]


def test_unknown_shell(capfd):
    assert qcc(capfd, "completion", "csh").status == 2
