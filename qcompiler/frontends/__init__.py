"""The frontends part of qcompiler."""
