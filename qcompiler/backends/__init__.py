"""The backends part of qcompiler."""
