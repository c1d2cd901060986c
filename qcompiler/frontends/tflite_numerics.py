"""Whose arithmetic a .tflite file means."""

KERNELS = ("tflite", "tflite-micro")
"""TensorFlow Lite's (LiteRT), the default, and those of TensorFlow Lite for Microcontrollers."""
