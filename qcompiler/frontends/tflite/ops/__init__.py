"""Operations by family; importing this package registers their importers."""

from qcompiler.frontends.tflite.ops import elementwise, linear, moves, variables, windows

__all__ = ["elementwise", "linear", "moves", "variables", "windows"]
