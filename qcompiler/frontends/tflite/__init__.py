"""TensorFlow Lite models, int8, with the integers of their reference kernels."""

from qcompiler.frontends.tflite.importer import import_tflite

__all__ = ["import_tflite"]
