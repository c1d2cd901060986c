"""The simulators part of qcompiler."""
