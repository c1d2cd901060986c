"""The interpreters part of qcompiler."""
