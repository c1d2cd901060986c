"""Builds a network of constant matrices with da4ml or alkaid, for `benchmarks.low_latency`.

Takes JSON on its standard input: {"peer", "network", "vectors", "cutoff", "options", "folder"}, see
`benchmarks.low_latency`; writes Verilog into the folder and prints one line of JSON.
"""

import json
import resource
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np


def shifted(peer: str, z: Any, form: dict[str, Any]) -> Any:
    """Returns one element's `clamp(z >> shift)`, ties to even if asked for."""
    k, scaled = form["shift"], z * 2.0 ** -form["shift"]
    high = int(form["hi"]).bit_length()
    signed = int(form["lo"] < 0)
    if peer == "alkaid" and form["tie_parity"] is not None:
        y = (scaled - 0.5).quantize(*_whole(scaled), 0, round_mode="RND_CONV")
    else:
        y = scaled.quantize(*_whole(scaled), 0)
        if form["tie_parity"] is not None:
            below = z.quantize(0, k, 0)
            odd = y.quantize(0, 1, 0)
            y = (below.unary_bit_op("any") & odd) + y.quantize(*_whole(y), -1)
    return y.quantize(signed, high, 0, "SAT")


def _whole(v: Any) -> tuple[int, int]:
    k, i, _ = v.kif
    return int(k), int(i)


def counted(z: Any, form: dict[str, Any]) -> Any:
    """Returns one element's number of thresholds that it reaches."""
    total = 0
    for threshold in form["thresholds"]:
        if threshold <= z.low:
            total = total + 1
        elif threshold <= z.high:
            total = (z >= float(threshold)) + total
    return total + form["lo"]


def trace(peer: str, network: dict[str, Any], options: dict[str, Any]) -> Any:
    """Returns the network's logic."""
    if peer == "da4ml":
        from da4ml.trace import FixedVariableArray as Array
        from da4ml.trace import HWConfig, comb_trace

        hwconf = HWConfig(1, -1, -1)
    else:
        from alkaid.trace import FVArray as Array
        from alkaid.trace import HWConfig
        from alkaid.trace import trace as comb_trace

        hwconf = HWConfig(1, -1, -1)
    options = dict(options)
    # Whether factors of channels multiply sums, not the matrix.
    after = options.pop("after", False)
    lo, hi, count = network["input"]
    bounds = np.full(count, float(lo)), np.full(count, float(hi)), np.ones(count)
    x = Array.from_lhs(*bounds, hwconf, solver_options=options)
    value = x
    for layer in network["layers"]:
        if "matrix" in layer:
            matrix, bias = (np.array(layer[key], np.float64) for key in ("matrix", "bias"))
            factor = np.array(layer.get("factor", [1]), np.float64)
            value = value @ matrix * factor if after else value @ (matrix * factor)
            value = value + bias if bias.any() else value
            continue
        cells = [value[i] for i in range(len(layer["forms"]))]
        made = [
            shifted(peer, z, form) if "shift" in form else counted(z, form)
            for z, form in zip(cells, layer["forms"], strict=True)
        ]
        value = type(x)(np.array(made, object), x.solver_options, hwconf=x.hwconf)
    return comb_trace(x, value)


def main() -> None:
    """Builds what standard input describes."""
    job = json.load(sys.stdin)
    start = time.perf_counter()
    logic = trace(job["peer"], job["network"], job["options"])
    seconds = time.perf_counter() - start
    found: dict[str, Any] = {"version": version(job["peer"]), "seconds": seconds}
    found["cost"] = float(logic.cost)
    x = np.array(job["vectors"]["x"], np.float64)
    made = np.asarray(logic.predict(x))
    found["wrong"] = int((made != np.array(job["vectors"]["y"])).any(axis=1).sum())
    if job.get("folder"):
        found |= write(job["peer"], logic, job["cutoff"], Path(job["folder"]))
    found["mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(found))


def write(peer: str, logic: Any, cutoff: float, folder: Path) -> dict[str, Any]:
    """Writes the pipeline's Verilog; returns its latency and files."""
    if peer == "da4ml":
        from da4ml.codegen import VerilogModel
        from da4ml.trace import to_pipeline

        pipeline = to_pipeline(logic, cutoff, verbose=False)
        model = VerilogModel(pipeline, "peer", folder)
        stages = len(pipeline.solutions) + 1
    else:
        from alkaid.codegen import RTLModel

        model = RTLModel(logic, folder, "peer", latency_cutoff=cutoff, ternary_fuse=False)
        stages = model.latency
    model.write()
    return {"stages": stages, "files": sorted(str(p) for p in folder.rglob("*.v"))}


if __name__ == "__main__":
    main()
