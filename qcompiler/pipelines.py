"""The named pipelines: which passes run, in which order, and why."""

QINT = (
    "fold-constants",  # quantized weights become integers before anything looks at them
    "find-integers",  # before fold-scales: integers that were written as floats
    "find-normalizations",  # after fold-constants: powers are products; before they are taken apart
    "settle-numerics",  # before scales and normalizations are folded, which round to float32
    "fold-batchnorm",
    "fold-scales",  # needs integer weights; leaves one dequantize after each linear operation
    "place-weights",  # before fold-zero-points: sums of weights that may change are not known
    "fold-zero-points",  # before fuse-requantize, which takes the integer map into its region
    "fuse-requantize",
    "channels-last",  # before infer-ranges and split-host: what is left of layout is the host's
    "infer-ranges",  # before select-requantizer: forms are proven on these ranges
    "prune-channels",  # after infer-ranges, which says what is constant; before forms are proven
    "split-host",  # after fuse-requantize: what is still real then is the host's
    "select-requantizer",
)
"""From the imported network to an integer core in its final arithmetic, with a host part."""

STREAM = (
    "convert-qint-to-stream",
    "select-folding",
    "form-pipelines",  # after select-folding, which decides what is fully parallel
    "pack-pixels",  # after form-pipelines, which leaves nothing else; before adders: one pixel's
    "build-adder-graphs",
    "insert-width-adapters",  # after select-folding, which decides the lanes
    "pipeline-registers",  # after adapters: widths are known; before size-fifos: latencies
    "size-fifos",  # after adapters, which change when beats arrive
    "select-ram-style",  # last: all memories are there
)
"""From the integer core to a network of processes with all its buffers."""

RTL = ("convert-stream-to-rtl",)
"""From processes to registers and wires."""

DEFAULT = (*QINT, *STREAM, *RTL)
"""All of it: what `qcc compile` runs."""

LEAVES = {"convert-qint-to-stream": "qint", "convert-stream-to-rtl": "stream"}
"""The conversions, and the level that each one leaves."""
