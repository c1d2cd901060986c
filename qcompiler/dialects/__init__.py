"""The dialects part of qcompiler."""
