"""Runs `qcc` in this process and keeps its words."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from onnx import ModelProto
from onnx_models import F32, model, node, quant, save

from qcompiler.cli.main import main


@dataclass(frozen=True)
class Result:
    """What a command left behind.

    `words` is stderr with runs of white space made one blank, `lines` stderr as it is.
    """

    status: int
    out: str
    words: str
    lines: tuple[str, ...] = ()


def qcc(capfd, *arguments: object) -> Result:
    """Runs a command; argparse's way out with status 2 counts as its status."""
    capfd.readouterr()
    try:
        status = main([str(a) for a in arguments])
    except SystemExit as error:
        status = int(error.code or 0)
    out, err = capfd.readouterr()
    return Result(status, out, " ".join(err.split()), tuple(err.splitlines()))


def small_mlp(**changes: object) -> ModelProto:
    """x [1, 4] -> quantizer -> MatMul fc1 [4, 4] -> Relu -> quantizer -> MatMul fc2 [4, 2] -> y.

    `changes` replace constants by name: q_scale, q_zero, q_bits, w1, w2.
    """
    rng = np.random.default_rng(0)
    constants: dict[str, object] = {
        "q_scale": F32(0.5),
        "q_zero": F32(0),
        "q_bits": F32(4),
        "w1": rng.normal(0, 1, (4, 4)).astype(F32),
        "w2": rng.normal(0, 1, (4, 2)).astype(F32),
    }
    nodes = [
        quant("x", "xq"),
        quant("w1", "w1q", narrow=1),
        node("MatMul", ["xq", "w1q"], ["h"], name="fc1"),
        node("Relu", ["h"], ["r"], name="relu"),
        quant("r", "rq", signed=0),
        quant("w2", "w2q", narrow=1),
        node("MatMul", ["rq", "w2q"], ["y"], name="fc2"),
    ]
    return model(nodes, {**constants, **changes})


def saved_mlp(folder: Path, **changes: object) -> Path:
    return save(small_mlp(**changes), folder)


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
