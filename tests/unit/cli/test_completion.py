"""Shells complete what the parsers know."""

import re
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
    (("qcc", "compile", "m.onnx", "--device", "ecp5-2"), ["ecp5-25k"]),
    (("qcc", "compile", "m.onnx", "--device", "mine."), []),
    (("qcc", "synth", "design", "--device", "ice40-u"), ["ice40-up5k"]),
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


@pytest.mark.skipif(shutil.which("zsh") is None, reason="needs zsh")
@pytest.mark.parametrize(("words", "completed"), CASES)
def test_zsh(scripts, tmp_path, words, completed):
    """As bashcompinit calls it, in the ways of sh; zsh itself takes what begins with the word."""
    (tmp_path / "qcc.zsh").write_text(scripts["zsh"])
    code = 'source ./qcc.zsh; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
    code += "() { emulate -L sh; setopt kshglob noshglob braceexpand; _qcc }; "
    code += 'print -rl -- "${COMPREPLY[@]}"'
    command = ["zsh", "-fc", code, "zsh", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    offered = [word for word in done.stdout.split() if word.startswith(words[-1])]
    assert offered == completed


def test_keys_are_words_without_quotes(scripts):
    """Zsh keeps quotes as a part of a key, so that nothing is found by it."""
    for shell in ("bash", "zsh"):
        keys = re.findall(r"^_qcc_\w+\[(.*)\]=", scripts[shell], re.M)
        assert "compile--emit" in keys
        assert all(re.fullmatch(r"[\w-]+", key) for key in keys)


def test_other_shells_have_all_commands(scripts):
    for name in COMMANDS:
        assert f"-xa {name} " in scripts["fish"]
    assert re.search(r"-l device -ra '[\w .-]*ecp5-25k", scripts["fish"])
    assert re.search(r"-l emit -xa '", scripts["fish"])
    assert "bashcompinit" in scripts["zsh"]
    assert "declare" not in scripts["zsh"]


def test_unknown_shell(capfd):
    assert qcc(capfd, "completion", "csh").status == 2
