"""Runs `one_model` for each model in a process of its own, with a time limit."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.common import REPOSITORY, commit
from benchmarks.zoo.models import Model


def run(model: Model, path: Path, with_rtl: bool, seconds: float) -> dict[str, Any]:
    """Returns the result of a model, which is in `path`, too; a killed one says where it was."""
    path.unlink(missing_ok=True)
    command = [sys.executable, "-m", "benchmarks.zoo.one_model", model.name, str(path)]
    command += [] if with_rtl else ["--no-rtl"]
    start = time.perf_counter()
    child = subprocess.Popen(
        command,
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        _, words = child.communicate(timeout=seconds)
        ended = True
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)  # Verilator's children, too; the group is ours
        _, words = child.communicate()
        ended = False
    result = json.loads(path.read_text()) if path.exists() else {"model": model.name}
    if not ended:
        result["timeout"] = f"more than {seconds:g} s, in step {result.get('step', 'start')}"
    elif child.returncode:
        # A signal, or an error before the first result: nothing of this may pass for a refusal.
        last = words.strip().splitlines()[-1:] or [""]
        result["crash"] = f"exit status {child.returncode} in {result.get('step')}: {last[0][:200]}"
    result["seconds"] = round(time.perf_counter() - start, 1)
    result["commit"], result["asked_rtl"] = commit(), with_rtl
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return result


def load(model: Model, path: Path) -> dict[str, Any]:
    """Returns the saved result of a model, or one that says that there is none."""
    result = {"model": model.name, "status": "not run"}
    if path.exists():
        result = json.loads(path.read_text(encoding="utf-8"))
    return {**result, "reason": model.settings.reason}


def finished(path: Path, with_rtl: bool) -> dict[str, Any] | None:
    """Returns an earlier result of the same commit that says as much as is asked for now."""
    if not path.exists():
        return None
    result = json.loads(path.read_text(encoding="utf-8"))
    if result.get("commit") != commit() or (with_rtl and not result.get("asked_rtl")):
        return None
    return result
