"""Prints hw, comb, seq and rtl as plain Verilog-2005.

`legalize` checks, `plan` decides what is printed and in which order, `names`, `expressions`,
`registers`, `memories` and `layout` make the parts, `module` puts one module together, `emit` all.
"""
