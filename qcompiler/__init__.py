"""The qcompiler part of qcompiler."""
