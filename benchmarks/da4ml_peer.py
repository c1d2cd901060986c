"""Measures da4ml on given integer weights; runs where da4ml is installed (see simulation_speed).

`python da4ml_peer.py WEIGHTS.json FRAMES RUNS` prints one line of JSON. Layers are matrix products
with 6-bit unsigned activations between them, as jet_tagging_w6a6 has; biases are left out.
"""

import json
import statistics
import sys
import tempfile
import time

import da4ml
import numpy as np
from da4ml.codegen import VerilogModel
from da4ml.trace import FixedVariableArrayInput, HWConfig, comb_trace, to_pipeline
from da4ml.trace.ops import quantize, relu

SHIFTS = (9, 5, 5)


def network(matrices):
    """Returns the traced network."""
    x = FixedVariableArrayInput((len(matrices[0]),), hwconf=HWConfig(1, -1, -1))
    value = quantize(x, 1, 15, 0)
    for index, matrix in enumerate(matrices):
        value = value @ np.array(matrix, np.float64)
        if index < len(matrices) - 1:
            value = relu(value * 2.0 ** -SHIFTS[index], i=np.array(6), f=np.array(0))
    return comb_trace(x, value)


def rates(work, frames, runs):
    """Returns lowest, median and highest frames a second."""
    work()
    found = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        found.append(frames / (time.perf_counter() - start))
    return min(found), statistics.median(found), max(found)


def main():
    """Measures the DAIS interpreter, and the Verilated pipeline if Verilator is there."""
    with open(sys.argv[1]) as file:
        matrices = json.load(file)
    frames, runs = int(sys.argv[2]), int(sys.argv[3])
    start = time.perf_counter()
    logic = network(matrices)
    result = {"version": da4ml.__version__, "compile_seconds": time.perf_counter() - start}
    result["rates"] = {}
    data = np.random.default_rng(0).integers(-(2**12), 2**12, (frames, len(matrices[0])))
    data = data.astype(np.float64)
    for threads in (1, 2):
        result["rates"][f"DAIS interpreter, {threads} threads"] = rates(
            lambda n=threads: logic.predict(data, n_threads=n), frames, runs
        )
    try:
        with tempfile.TemporaryDirectory() as directory:
            model = VerilogModel(to_pipeline(logic, 5), "peer", directory)
            start = time.perf_counter()
            model.compile()
            result["verilated_build_seconds"] = time.perf_counter() - start
            for threads in (1, 2):
                result["rates"][f"Verilated, {threads} threads"] = rates(
                    lambda n=threads: model.predict(data, n_threads=n), frames, runs
                )
    except Exception as error:  # no Verilator, or not the one that it wants
        result["verilated"] = f"not measured: {error}"[:500]
    print(json.dumps(result))


if __name__ == "__main__":
    main()
