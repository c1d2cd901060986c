"""What requantizers must compute comes from the model's parameters, not from the form chosen."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from cli_runner import qcc, small_mlp
from onnx_models import save

import qcompiler
from qcompiler.proofs.jobs import Effort, Proofs
from qcompiler.proofs.reference import FORM, MODEL


@pytest.fixture(scope="module")
def design(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reference")
    qcompiler.compile(save(small_mlp(), folder), cycles=8).write(folder / "m")
    return folder / "m"


def test_the_function_is_the_models(design):
    (table,) = Proofs.read(design, Effort()).tables.values()
    assert table.source == MODEL
    x = np.arange(table.lo[0], table.hi[0] + 1)
    codes = table.compute(0, x)
    assert codes.min() == 0
    assert codes.max() > 1
    assert (np.diff(codes) >= 0).all()


def test_without_the_model_it_is_that_of_the_form(design):
    proofs = Proofs.read(design, Effort())
    del proofs.design.levels["nn"]
    (table,) = proofs.tables.values()
    assert table.source == FORM


def test_a_table_that_is_not_the_models_is_refused(design, capfd):
    lane = design / "rtl" / "net_rq_requantize_lane.v"
    good = lane.read_text(encoding="utf-8")
    assert "= 4'hf" in good
    lane.write_text(good.replace("= 4'hf", "= 4'he", 1), encoding="utf-8")
    try:
        found = qcc(capfd, "prove", design, "--only", "rq_requantize", "--no-cache", "--json")
    finally:
        lane.write_text(good, encoding="utf-8")
    assert found.status == 1
    assert '"status": "refuted"' in found.out
    assert '"trace": "proofs/rq_requantize.vcd"' in found.out
    assert (design / "proofs" / "rq_requantize.vcd").exists()


def test_a_table_with_a_hole_is_refused(design, capfd):
    lane = design / "rtl" / "net_rq_requantize_lane.v"
    good = lane.read_text(encoding="utf-8")
    (line,) = [line for line in good.splitlines() if "y_mem[53] = " in line]
    lane.write_text(good.replace(line, ""), encoding="utf-8")
    try:
        found = qcc(capfd, "prove", design, "--only", "rq_requantize", "--no-cache", "--json")
    finally:
        lane.write_text(good, encoding="utf-8")
    assert found.status == 1
    assert '"status": "refuted"' in found.out
    assert ", not 11" in found.out


@pytest.mark.parametrize("until", [b"reading", b" proofs"])
def test_an_interruption_leaves_nothing_half_written(design, until):
    """Also while processes that prove are being started; Ctrl-C goes to all of them."""
    before = {path.relative_to(design) for path in design.rglob("*")}
    command = [sys.executable, "-m", "qcompiler.cli.main", "prove", str(design), "--no-cache"]
    with subprocess.Popen(
        [*command, "--jobs", "2"], stderr=subprocess.PIPE, start_new_session=True
    ) as running:
        assert running.stderr is not None
        while until not in running.stderr.readline():
            pass
        time.sleep(0.5)
        os.killpg(running.pid, signal.SIGINT)
        words = running.stderr.read().decode()
    assert running.returncode == 130, words
    assert "Traceback" not in words
    left = {path.relative_to(design) for path in design.rglob("*")} - before
    # Traces of proofs that had ended are whole, and a certificate; of others there is nothing.
    assert {path.name for path in left if path.suffix != ".vcd"} <= {"proofs", "liveness.json"}
    assert not [path for path in left if path.name.startswith(".")]


def test_results_are_known_the_next_time(design, tmp_path, capfd, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for known in ("false", "true"):
        found = qcc(capfd, "prove", design, "--only", "slice_w4", "--json")
        assert found.status == 0
        assert f'"cached": {known}' in found.out


def test_what_is_not_there_is_said(design, capfd):
    found = qcc(capfd, "prove", design, "--only", "nothing")
    assert found.status == 1
    assert "has nothing to prove that is called nothing" in found.words
    assert "there are top," in found.words
