"""The analysis part of qcompiler."""
