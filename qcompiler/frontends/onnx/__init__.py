"""The onnx part of qcompiler."""
