"""Designs as others take them in: IP-XACT, FuseSoC, lists of files."""
