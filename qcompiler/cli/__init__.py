"""The cli part of qcompiler."""
