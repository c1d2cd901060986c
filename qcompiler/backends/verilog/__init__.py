"""The verilog part of qcompiler."""
