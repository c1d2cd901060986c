"""Results and reports of a synthesis stay together, whatever becomes of the next one."""

import json
from pathlib import Path

import pytest

import qcompiler
from qcompiler.backends.synthesis import flow
from qcompiler.backends.synthesis.flow import Request, SynthesisResult, synthesize
from qcompiler.backends.synthesis.tools import SynthesisError
from qcompiler.devices import load_device

MODEL = Path(__file__).parents[4] / "examples" / "digits_mlp" / "digits_mlp.onnx"
DEVICE = load_device("ecp5-25k")
NONE = dict.fromkeys(("LUT", "FF", "BRAM", "LARGE", "DSP"), 0)


def good(design, rtl, request, folder, progress):
    (folder / "bitstream.bit").write_text("bits")
    return SynthesisResult(
        top=rtl.top,
        device=DEVICE.name,
        capacity=DEVICE.capacity(),
        total=NONE,
        layers={},
        estimates={},
        digest="",
        seconds={},
        mhz=100.0,
        timing=None,
        bitstream="bitstream.bit",
        directory=str(folder),
    )


def bad(design, rtl, request, folder, progress):
    log = folder / "yosys.log"
    log.write_text("no")
    raise SynthesisError(f"took too long\nlog: {log}")


def test_failed_run_keeps_what_there_was(tmp_path, monkeypatch):
    design = qcompiler.compile(MODEL, cycles=1024).write(tmp_path / "design")
    monkeypatch.setattr(flow, "_run", good)
    found = synthesize(design, Request(DEVICE), print)
    folder = design / "synth" / "ecp5-25k"
    assert (found.directory, found.bitstream) == (str(folder), str(folder / "bitstream.bit"))
    written = (design / "report" / "synthesis_ecp5-25k.json").read_text()
    assert json.loads(written) == json.loads((folder / "result.json").read_text())

    monkeypatch.setattr(flow, "_run", bad)
    with pytest.raises(SynthesisError, match=r"log: .*design/synth/ecp5-25k\.failed/yosys\.log"):
        synthesize(design, Request(DEVICE), print)
    assert (folder / "bitstream.bit").read_text() == "bits"
    assert (design / "report" / "synthesis_ecp5-25k.json").read_text() == written
