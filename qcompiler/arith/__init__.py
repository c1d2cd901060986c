"""The arith part of qcompiler."""
