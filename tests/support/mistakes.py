"""Three networks, and what is told of texts that are made wrong in one place."""

import numpy as np
from language import ROOT

from qcompiler import pipelines
from qcompiler.compiler import Options, compile_module, import_model, naming_places
from qcompiler.frontends.text.diagnostics import LanguageError

NETWORKS = {name: ROOT / "tests" / "support" / "qnn" / f"{name}.qnn" for name in
            ("mlp", "residual", "gate")}  # fmt: skip
_CHECK = Options(passes=(*pipelines.QINT, *pipelines.STREAM))


def save_weights(folder):
    """Saves the numbers that the three networks load."""
    random = np.random.default_rng(0)

    def numbers(*shape):
        return random.integers(-7, 8, shape)

    ternary = random.integers(-1, 2, (6, 3))
    bias = random.normal(size=6).astype(np.float32)
    np.savez(folder / "mlp.npz", w1=numbers(8, 6), b1=bias, w2=ternary)
    np.savez(folder / "residual.npz", w0=numbers(4, 3, 3, 3), wd=numbers(4, 1, 3, 3),
             wp=numbers(4, 4, 1, 1), wf=numbers(4, 10))  # fmt: skip
    np.savez(folder / "gate.npz", wv=numbers(6, 4), wg=numbers(6, 4))


def edited(name, old, new):
    """Returns the text of a network with one place changed."""
    text = NETWORKS[name].read_text()
    assert old in text
    return text.replace(old, new, 1)


def told(path, text):
    """Returns what `qcc check` says of a text: (line, column, what, remedy) of each problem."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    try:
        with naming_places(path, _CHECK):
            compile_module(import_model(path, _CHECK), _CHECK)
    except LanguageError as error:
        return [(d.span.line, d.span.column, d.what, d.remedy) for d in error.diagnostics]
    return []
