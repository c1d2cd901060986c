"""The rtl part of qcompiler."""
