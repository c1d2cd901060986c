"""A command loads what it needs: the rest takes time in each run."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "needless"),
    [
        ("main", {"numpy", "xdsl", "onnx"}),
        ("compile_command", {"lark", "torch", "scipy", "onnxruntime"}),
    ],
)
def test_nothing_needless_is_loaded(module, needless):
    code = f"import sys, qcompiler.cli.{module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not needless & set(done.stdout.split())
