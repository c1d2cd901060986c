"""The only registry of qcompiler's dialects, passes and targets, seen by xDSL's own tools.

Modules are imported at first use, so that listing passes stays quick.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from xdsl.universe import Universe


def _lazy(module: str, name: str) -> Callable[[], Any]:
    """Returns a function that imports `name` from `qcompiler.<module>`."""
    return lambda: getattr(import_module(f"qcompiler.{module}"), name)


DIALECTS = {
    "nn": _lazy("dialects.nn", "NN"),
    "qint": _lazy("dialects.qint", "QINT"),
    "stream": _lazy("dialects.stream", "STREAM"),
    "rtl": _lazy("dialects.rtl", "RTL"),
}

PASSES = {
    "build-adder-graphs": _lazy("passes.build_adder_graphs", "BuildAdderGraphsPass"),
    "channels-last": _lazy("passes.channels_last", "ChannelsLastPass"),
    "convert-qint-to-stream": _lazy("passes.convert_qint_to_stream", "ConvertQintToStreamPass"),
    "convert-stream-to-rtl": _lazy("passes.convert_stream_to_rtl", "ConvertStreamToRtlPass"),
    "expand-shift-adds": _lazy("passes.expand_shift_adds", "ExpandShiftAddsPass"),
    "find-integers": _lazy("passes.find_integers", "FindIntegersPass"),
    "find-normalizations": _lazy("passes.find_normalizations", "FindNormalizationsPass"),
    "fold-batchnorm": _lazy("passes.fold_batchnorm", "FoldBatchnormPass"),
    "fold-constants": _lazy("passes.fold_constants", "FoldConstantsPass"),
    "fold-scales": _lazy("passes.fold_scales", "FoldScalesPass"),
    "fold-zero-points": _lazy("passes.fold_zero_points", "FoldZeroPointsPass"),
    "form-pipelines": _lazy("passes.form_pipelines", "FormPipelinesPass"),
    "fuse-requantize": _lazy("passes.fuse_requantize", "FuseRequantizePass"),
    "infer-ranges": _lazy("passes.infer_ranges", "InferRangesPass"),
    "insert-width-adapters": _lazy("passes.insert_width_adapters", "InsertWidthAdaptersPass"),
    "pack-pixels": _lazy("passes.pack_pixels", "PackPixelsPass"),
    "pipeline-registers": _lazy("passes.pipeline_registers", "PipelineRegistersPass"),
    "place-weights": _lazy("passes.place_weights", "PlaceWeightsPass"),
    "prune-channels": _lazy("passes.prune_channels", "PruneChannelsPass"),
    "select-folding": _lazy("passes.select_folding", "SelectFoldingPass"),
    "select-requantizer": _lazy("passes.select_requantizer", "SelectRequantizerPass"),
    "settle-numerics": _lazy("passes.settle_numerics", "SettleNumericsPass"),
    "select-ram-style": _lazy("passes.select_ram_style", "SelectRamStylePass"),
    "size-fifos": _lazy("passes.size_fifos", "SizeFifosPass"),
    "split-host": _lazy("passes.split_host", "SplitHostPass"),
}

TARGETS = {
    "verilog": _lazy("backends.verilog.target", "VerilogTarget"),
}

QCOMPILER_UNIVERSE = Universe(all_dialects=DIALECTS, all_passes=PASSES, all_targets=TARGETS)
