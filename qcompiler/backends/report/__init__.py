"""The report part of qcompiler."""
