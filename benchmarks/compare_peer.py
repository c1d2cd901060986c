"""Gives a QONNX or QDQ file to hls4ml or FINN, for `benchmarks.compare`.

`python compare_peer.py PEER MODEL VECTORS.npz FOLDER` runs in the environment where the peer is
installed; it prints what it made of the file as its last line, or fails as the peer does. hls4ml
converts for Vitis HLS after the transformations that its documentation names, and builds its C++
with g++: labels are of that. FINN goes as far as its estimates.
"""

import sys
import time
from pathlib import Path

import numpy as np


def hls4ml(model: Path, vectors: Path, folder: Path) -> str:
    """Converts, builds the C++, and counts the labels that are those of the reference."""
    import hls4ml
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.transformation.channels_last import ConvertToChannelsLastAndClean
    from qonnx.transformation.gemm_to_matmul import GemmToMatMul
    from qonnx.util.cleanup import cleanup_model

    start = time.process_time()
    graph = cleanup_model(ModelWrapper(str(model)))
    is_image = len(graph.get_tensor_shape(graph.graph.input[0].name)) == 4
    if is_image:
        graph = graph.transform(ConvertToChannelsLastAndClean()).transform(GemmToMatMul())
        graph = cleanup_model(graph)
    configured = hls4ml.utils.config.config_from_onnx_model(
        graph, granularity="name", backend="Vitis", default_precision="fixed<32,16>"
    )
    made = hls4ml.converters.convert_from_onnx_model(
        graph,
        output_dir=str(folder),
        backend="Vitis",
        hls_config=configured,
        io_type="io_stream" if is_image else "io_parallel",
    )
    seconds = time.process_time() - start
    made.compile()
    held = np.load(vectors)
    inputs = held["inputs"].astype(np.float32)
    if is_image:
        inputs = inputs.transpose(0, 2, 3, 1)
    outputs = made.predict(np.ascontiguousarray(inputs)).reshape(len(inputs), -1)
    same = int((outputs.argmax(axis=1) == held["outputs"].argmax(axis=1)).sum())
    said = f"converts to C++; {same} of {len(inputs)} labels as the model's, "
    return f"{said}{seconds:.1f} s of processor time"


def finn(model: Path, _: Path, folder: Path) -> str:
    """Runs the steps that end with estimates, which synthesize nothing."""
    from finn.util.settings import initialize_dummy_settings

    initialize_dummy_settings()
    from finn.builder import build_dataflow, build_dataflow_config

    start = time.process_time()
    configured = build_dataflow_config.DataflowBuildConfig(
        output_dir=str(folder),
        synth_clk_period_ns=10.0,
        target_fps=100_000,
        fpga_part="xc7z020clg400-1",
        steps=build_dataflow_config.estimate_only_dataflow_steps,
        generate_outputs=[build_dataflow_config.DataflowOutputType.ESTIMATE_REPORTS],
        enable_build_pdb_debug=False,
    )
    if build_dataflow.build_dataflow_cfg(str(model), configured):
        raise RuntimeError("the build failed")
    return f"gives estimates, {time.process_time() - start:.1f} s of processor time"


def main() -> int:
    """Gives the file to the peer."""
    peer, *paths = sys.argv[1:]
    print({"hls4ml": hls4ml, "finn-plus": finn}[peer](*map(Path, paths)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
