"""Packages that the compiler does without: imported where they are used."""

from importlib import import_module
from typing import Any

from qcompiler.errors import ModelError, Problem
from qcompiler.version import installing

_PACKAGES = {"sklearn": "scikit-learn"}


def library(name: str, extra: str = "quantize") -> Any:
    """Returns a module of a package that an extra brings.

    Raises:
        ModelError: the package is missing; says what to install.
    """
    root = name.partition(".")[0]
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != root:
            raise
        package = _PACKAGES.get(root, root)
        what = f"needs {package}, which is not installed"
        remedy = f"install it: {installing(extra)}"
        raise ModelError([Problem("quantization", what, remedy)]) from None
