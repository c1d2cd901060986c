"""Texts of the model language for tests, and what is wrong with them."""

from pathlib import Path

import numpy as np

from qcompiler.frontends.text import Source, analyse

ROOT = Path(__file__).parents[2]
EVERY_OPERATION = Path(__file__).parent / "qnn" / "every_operation.qnn"


def every_operation(folder):
    """Returns the path of a network with every operation, its weights beside it."""
    path = folder / "every_operation.qnn"
    path.write_text(EVERY_OPERATION.read_text())
    random = np.random.default_rng(0)
    np.savez(
        folder / "weights.npz",
        conv=random.integers(-8, 8, (8, 4, 3, 3)),
        transposed=random.normal(size=(8, 4, 2, 2)).astype(np.float32),
        last=random.integers(-3, 4, (3, 4, 4), np.int8),
        words=random.integers(0, 4, (2, 32)),
    )
    return path


def network(*statements, inputs="x: uint8[1, 4] scale 1/255", result="quantize(x, int4, scale: 1)"):
    """Returns the text of a network."""
    body = "".join(f"  {statement}\n" for statement in statements)
    return f"network n({inputs}) {{\n{body}  return {result}\n}}\n"


def problems(text, folder=Path("nowhere")):
    """Returns what is wrong with a text, as (line, column, what, remedy)."""
    found = analyse(Source(folder / "n.qnn", text)).diagnostics
    return [(d.span.line, d.span.column, d.what, d.remedy) for d in found]
