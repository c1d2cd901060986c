"""Adder graphs: products with constant matrices as few additions, proven equal; no IR.

`graph` holds them, `solve` finds them, `cost` says what an adder takes of a device.
"""
