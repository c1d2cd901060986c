"""Synthesis, place and route, and projects for vendors' tools."""
