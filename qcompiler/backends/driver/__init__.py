"""The driver part of qcompiler."""
