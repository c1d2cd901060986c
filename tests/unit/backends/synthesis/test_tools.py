"""Tools run within limits, and have the last word when they fail."""

import sys
import time

import pytest

from qcompiler.backends.synthesis.tools import Limits, SynthesisError, run_limited


def run(folder, code, **limits):
    said = []
    log = folder / "tool.log"
    run_limited([sys.executable, "-c", code], log, Limits(**limits), said.append, "tool")
    return said, log.read_text()


def test_log_and_progress(tmp_path):
    said, log = run(tmp_path, "import time; print('1. Executing X', flush=True); time.sleep(0.6)")
    assert log == "1. Executing X\n"
    assert said[-1] == "tool: starting (1. Executing X)"


def test_failure_has_the_tools_own_words(tmp_path):
    code = (
        "print('before'); print('ERROR: no such \\x1b[31mcell'); print('bye'); raise SystemExit(3)"
    )
    with pytest.raises(SynthesisError) as caught:
        run(tmp_path, code)
    words = str(caught.value).splitlines()
    assert words[0] == "tool failed with status 3:"
    assert words[1:3] == ["ERROR: no such \\x1b[31mcell", "bye"]  # nothing reaches the terminal
    assert words[3] == f"log: {tmp_path / 'tool.log'}"


def test_too_slow(tmp_path):
    # A grandchild must not live on.
    code = "import subprocess; subprocess.run(['sleep', '60'])"
    start = time.monotonic()
    with pytest.raises(SynthesisError, match=r"took more than 0.5 s; give it more with --timeout"):
        run(tmp_path, code, seconds=0.5)
    assert time.monotonic() - start < 10


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux only")
def test_too_much_memory(tmp_path):
    code = "import time; time.sleep(0.5); a = bytearray(1 << 30)"
    with pytest.raises(SynthesisError, match="256 MiB of memory"):
        run(tmp_path, code + "\nraise SystemExit('alloc')", memory_bytes=1 << 28)
