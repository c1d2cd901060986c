"""The blocks part of qcompiler."""
