"""The passes part of qcompiler."""
