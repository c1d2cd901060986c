"""How verify and synth show phases and counts."""

import io
import json
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from qcompiler.backends.simulators import StreamPort, icarus
from qcompiler.backends.simulators.exchange import frames_done, read_progress
from qcompiler.backends.simulators.toolchain import run_tool
from qcompiler.backends.synthesis.tools import Limits, run_limited
from qcompiler.cli import progress
from qcompiler.cli.main import main

MLP = "examples/digits_mlp/digits_mlp.onnx"


def test_a_phase_is_one_line_and_its_last_count_another(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with progress.showing_progress() as tell:
        tell("building the simulator")
        for frames in (0, 10, 20, 30):
            tell(f"back to back: {frames} of 30 frames")
        tell("Yosys: mapping (3. Executing ABC pass)")
        tell("Yosys: mapping (4. Executing ABC pass)")
        tell("counting 1 of 2")
        now[0] += 60
        tell("counting 2 of 2")
    caught = capsys.readouterr()
    assert caught.out == ""
    assert caught.err.splitlines() == [
        "building the simulator",
        "back to back: 0 of 30 frames",
        "back to back: 30 of 30 frames",
        "Yosys: mapping",
        "counting 1 of 2",
        "counting 2 of 2",
    ]


def test_a_terminal_shows_the_words_as_they_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = io.StringIO()
    terminal = Console(file=shown, force_terminal=True, _environ={"TERM": "xterm"})
    monkeypatch.setattr(progress, "err", terminal)
    with progress.showing_progress() as tell:
        tell("back to back: 200 of [bold]1000 frames")
        deadline = time.monotonic() + 5
        while "frames" not in shown.getvalue() and time.monotonic() < deadline:
            time.sleep(0.05)
    assert "back to back: 200 of [bold]1000 frames" in shown.getvalue()
    assert capsys.readouterr().out == ""


def test_verify_shows_phases_beside_clean_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    design = str(tmp_path / "d")
    assert main(["compile", MLP, "--cycles", "64", "-o", design]) == 0
    capsys.readouterr()
    assert main(["verify", design, "--vectors", "40", "--json"]) == 0
    caught = capsys.readouterr()
    assert json.loads(caught.out)["passed"]
    assert caught.err.splitlines() == [
        "reading the design",
        "interpreting 40 frames",
        "building the simulator",
        "back to back: 0 of 40 frames",
        "back to back: 40 of 40 frames",
        "building the simulator",
        "random stalls: 0 of 40 frames",
        "random stalls: 40 of 40 frames",
    ]


def test_a_tool_is_watched_while_it_runs(tmp_path: Path) -> None:
    seen: list[int] = []
    code = (
        "import time, pathlib\n"
        "for n in range(4):\n"
        "    pathlib.Path('progress.txt').write_text(f'{n}\\n')\n"
        "    time.sleep(0.3)\n"
        "print('done')\n"
    )
    outcome = run_tool(
        [sys.executable, "-c", code], tmp_path, watch=lambda: seen.append(read_progress(tmp_path))
    )
    assert (outcome.status, outcome.output) == (0, "done\n")
    assert seen == sorted(seen)
    assert len(set(seen)) > 1
    assert frames_done(seen[-1], 9) == "3 of 9 frames"


def test_frames_that_icarus_has_recorded(tmp_path: Path) -> None:
    port = StreamPort("m_axis_0", "out", 8, 2)
    recorded = icarus._frames_recorded  # pyright: ignore[reportPrivateUsage]
    assert recorded(tmp_path, port) == 0
    (tmp_path / "m_axis_0.txt").write_text("0f 0 00000010\n" * 5)
    assert recorded(tmp_path, port) == 2


def test_the_phase_of_a_tool_is_read_from_its_log(tmp_path: Path) -> None:
    lines = (
        ("2.1. Executing PROC pass", "Yosys: elaborating"),
        ("2.3. Executing WREDUCE pass", "Yosys: optimizing"),
        ("2.9. Executing MEMORY_DFF pass", "Yosys: mapping memories"),
        ("3.1. Executing ABC pass", "Yosys: mapping"),
    )
    code = "import time\nfor line in " + repr([line for line, _ in lines])
    code += ":\n    print(line, flush=True); time.sleep(0.5)\n"
    told: list[str] = []
    run_limited(
        [sys.executable, "-c", code], tmp_path / "yosys.log", Limits(), told.append, "yosys"
    )
    phases = list(dict.fromkeys(words.partition(" (")[0] for words in told))
    assert [p for p in phases if p != "Yosys: starting"] == [phase for _, phase in lines]
