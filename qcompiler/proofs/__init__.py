"""Proofs about a written design, by means that share nothing with what built it."""
