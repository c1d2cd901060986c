"""The plugins of the examples, used as a user would: compiled, validated, simulated."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cli_runner import contents, qcc, saved_mlp
from onnx_models import F32, PARAMETERS, model, node, quant, save

import qcompiler
from qcompiler.plugins import load_plugin

EXAMPLES = Path(__file__).parents[2] / "examples"
TWO_SHIFTS = EXAMPLES / "plugins" / "two_shifts.py"
RUNNING_SUM = EXAMPLES / "plugins" / "running_sum.py"
DIGITS = EXAMPLES / "digits_mlp" / "digits_mlp.onnx"


@pytest.mark.parametrize("path", [TWO_SHIFTS, RUNNING_SUM])
def test_examples_are_short(path):
    assert len(path.read_text().splitlines()) <= 100


def multiplies(design, module):
    text = design.verilog.files[f"{design.name}_{module}.v"]
    return any("*" in line.split("//")[0] for line in text.splitlines())


@pytest.mark.simulation
@pytest.mark.sweep
def test_two_shifts():
    load_plugin(TWO_SHIFTS)
    after = {"convert-qint-to-stream": "two-shifts{at-least=400}"}
    plain = qcompiler.compile(DIGITS, cycles=64)
    design = qcompiler.compile(DIGITS, cycles=64, pass_after=after, validate=True)
    assert multiplies(plain, "fc1_mvau_pe")
    assert not multiplies(design, "fc1_mvau_pe")
    assert multiplies(design, "fc3_mvau_pe")  # 320 weights
    assert design.timing == plain.timing
    images = np.random.default_rng(0).integers(0, 17, (50, 64)).astype(F32)
    np.testing.assert_array_equal(design.simulate(images), plain.predict(images))


def test_two_shifts_need_their_plugin(capfd, tmp_path):
    """IR that a plugin made compiles on with that plugin only."""
    code = "from qcompiler.cli.main import main; import sys; sys.exit(main())"
    options = ["--pass-after", "convert-qint-to-stream=two-shifts", "--print-ir-after", "all"]
    path = saved_mlp(tmp_path)
    out = tmp_path / "out"
    result = qcc(capfd, "compile", path, "--plugin", TWO_SHIFTS, *options, "-o", out)
    assert result.status == 0, result.words
    (ir,) = (out / "ir").glob("*-size-fifos.mlir")
    command = [sys.executable, "-c", code, "compile", ir, "--from", "size-fifos", "-o"]
    alone = subprocess.run([*command, tmp_path / "b"], capture_output=True, text=True, check=False)
    assert alone.returncode == 1
    assert "no weight style is called 'two-shifts'" in alone.stderr
    both = subprocess.run([*command, tmp_path / "b", "--plugin", TWO_SHIFTS], check=False)
    assert both.returncode == 0
    assert contents(tmp_path / "b" / "rtl") == contents(out / "rtl")


@pytest.mark.simulation
def test_two_shifts_in_one_cycle(tmp_path):
    load_plugin(TWO_SHIFTS)
    path = saved_mlp(tmp_path)
    after = {"convert-qint-to-stream": "two-shifts"}
    design = qcompiler.compile(path, cycles=1, pass_after=after, validate=True)
    assert not multiplies(design, "fc1_mvau")
    x = np.random.default_rng(0).normal(0, 2, (50, 4)).astype(F32)
    np.testing.assert_array_equal(design.simulate(x), qcompiler.compile(path).predict(x))


def summing(folder):
    nodes = [
        quant("x", "xq"),
        node("CumSum", ["xq", "axis"], ["s"], name="sum"),
        quant("s", "sq"),
        quant("w", "wq"),
        node("MatMul", ["sq", "wq"], ["y"], name="fc"),
    ]
    weights = np.random.default_rng(1).normal(0, 2, (6, 3)).astype(F32)
    constants = {**PARAMETERS, "w": weights, "axis": np.int64(1)}
    return save(model(nodes, constants, inputs={"x": [1, 6]}), folder)


@pytest.mark.simulation
def test_running_sum(tmp_path):
    load_plugin(RUNNING_SUM)
    design = qcompiler.compile(summing(tmp_path), cycles=4, validate=True)
    assert "sum_running_accumulate" in dict(design.network.named())
    x = np.random.default_rng(0).normal(0, 3, (50, 6)).astype(F32)
    np.testing.assert_array_equal(design.simulate(x, stall_probability_in=0.3), design.predict(x))
    codes = np.clip(np.rint(x / 0.5), -8, 7).cumsum(axis=1)
    assert np.abs(codes).max() > 31  # the second quantizer clamps


def test_running_sum_refuses_what_it_cannot_do(capfd, tmp_path):
    nodes = [node("CumSum", ["x", "axis"], ["s"], name="sum"), quant("s", "y")]
    constants = {**PARAMETERS, "axis": np.int64(1)}
    path = save(model(nodes, constants, inputs={"x": [1, 6]}), tmp_path)
    result = qcc(capfd, "check", path, "--plugin", RUNNING_SUM)
    assert result.status == 1
    assert "its input is not quantized" in result.words


def test_a_function_or_an_object_in_the_pipeline(tmp_path):
    seen = []

    def count_operations(module):
        seen.append(len(list(module.walk())))

    path = saved_mlp(tmp_path)
    before = {"split-host": [count_operations, "cse"]}
    design = qcompiler.compile(
        path, pass_before=before, pass_after={"fold-scales": count_operations}
    )
    assert len(seen) == 2
    assert design.verilog.files == qcompiler.compile(path).verilog.files


PACKAGE = '''
from dataclasses import dataclass
from xdsl.passes import ModulePass
from xdsl.universe import Universe

@dataclass(frozen=True)
class Hello(ModulePass):
    """Marks the module."""
    name = "hello"
    word: str = "world"
    def apply(self, ctx, op):
        from xdsl.dialects.builtin import StringAttr
        op.attributes["hello.word"] = StringAttr(self.word)

UNIVERSE = Universe(all_passes={"hello": lambda: Hello})
'''


def with_package(site, name, text):
    """Installs a module with an entry point as pip would; returns a `qcc` that sees it."""
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (site / f"{name}.py").write_text(text)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[xdsl.universe]\n{name} = {name}:UNIVERSE\n")

    def run(*arguments):
        command = [sys.executable, "-m", "qcompiler.cli.main", *map(str, arguments)]
        paths = f"{site}:{Path(qcompiler.__file__).parents[1]}"
        env = {"PYTHONPATH": paths, "PATH": "/usr/bin:/bin"}
        return subprocess.run(command, capture_output=True, text=True, check=False, env=env)

    return run


def test_an_installed_package(tmp_path):
    run = with_package(tmp_path / "site", "hello_passes", PACKAGE)
    inserted = ["--pass-after", "fold-scales=hello{word=moon}", "--emit", "qint"]
    compiled = run("compile", saved_mlp(tmp_path), *inserted)
    assert 'hello.word = "moon"' in compiled.stdout, compiled.stderr
    assert "hello                   Marks the module." in run("opt", "--list-passes").stdout


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("\n1 / 0", "mine.py:2 cannot be loaded: ZeroDivisionError"),
        ("x = 1\ny = = 2", "mine.py:2 cannot be loaded: SyntaxError"),
        ("from qcompiler.passes.split_host import SplitHostPass as S\n"
         "class P(S):\n    name = 'split-host'", "defines split-host, which exists already"),
    ],
)  # fmt: skip
def test_plugins_that_cannot_be_used(capfd, tmp_path, text, words):
    plugin = tmp_path / "mine.py"
    plugin.write_text(text)
    result = qcc(capfd, "compile", saved_mlp(tmp_path), "--plugin", plugin, "-o", tmp_path / "out")
    assert result.status == 1
    assert words in result.words


DEVICE = """
from pathlib import Path
from xdsl.universe import Universe
from qcompiler import extend

UNIVERSE = Universe()
extend.add_device(Path(__file__).with_name("tiny-ice40.toml"))
"""


def device_file(folder, name="tiny-ice40"):
    """An iCE40 of 1000 look-up tables."""
    text = (EXAMPLES.parent / "qcompiler" / "devices" / "ice40-up5k.toml").read_text()
    text = text.replace('"ice40-up5k"', f'"{name}"').replace("luts = 5280", "luts = 1000")
    (folder / f"{name}.toml").write_text(text)


def test_a_device_of_a_plugin(capfd, tmp_path):
    device_file(tmp_path)
    plugin = tmp_path / "devices.py"
    plugin.write_text(DEVICE)
    design = tmp_path / "out"
    assert qcc(capfd, "compile", saved_mlp(tmp_path), "-o", design).status == 0
    unknown = qcc(capfd, "synth", design, "--device", "tiny-ice40")
    assert unknown.status == 1
    assert "there is no device tiny-ice40" in unknown.words
    known = qcc(capfd, "synth", design, "--device", "tiny-ice40", "--plugin", plugin, "--json")
    assert known.status == 0, known.words
    assert '"tiny-ice40"' in known.out


def test_devices_and_targets_of_an_installed_package(tmp_path):
    site = tmp_path / "site"
    text = f"{DEVICE}{TARGET}\nUNIVERSE.all_targets['name-a-line'] = lambda: Names\n"
    run = with_package(site, "my_parts", text)
    device_file(site)
    design = tmp_path / "out"
    assert run("compile", saved_mlp(tmp_path), "-o", design).returncode == 0
    done = run("synth", design, "--device", "tiny-ice40", "--json")
    assert '"tiny-ice40"' in done.stdout, done.stderr
    named = run("opt", design / "ir" / "stream.mlir", "-t", "name-a-line")
    assert "stream.pipeline" in named.stdout.split(), named.stderr


def test_a_family_of_an_installed_package(tmp_path):
    """The example: in one file all that `qcc` asks of a family, down to the netlist."""
    text = (EXAMPLES / "plugins" / "gatemate.py").read_text()
    run = with_package(tmp_path / "site", "gatemate", text)
    design, part = tmp_path / "out", ("--device", "ccgm1a1")
    compiled = run("compile", saved_mlp(tmp_path), "-o", design, *part)
    assert "of ccgm1a1" in compiled.stdout, compiled.stderr
    done = run("synth", design, *part, "--json")
    found = json.loads(done.stdout)
    assert found["total"]["LUT"] > 0, done.stderr
    assert found["total"]["CARRY"] > 0
    assert found["total"]["DSP"] == 0
    # A device file of the user's names the family, too.
    device = (EXAMPLES.parent / "qcompiler" / "devices" / "generic.toml").read_text()
    mine = tmp_path / "mine.toml"
    device = device.replace('"generic"', '"gatemate"').replace('name = "gatemate"', 'name = "mine"')
    mine.write_text(device.replace('"synth"', '"synth_gatemate -nomult"'))
    checked = run("synth", design, "--device", mine, "--json")
    assert '"mine"' in checked.stdout, checked.stderr


@pytest.mark.simulation
@pytest.mark.sweep
def test_the_netlist_of_a_family_of_a_plugin(capfd, tmp_path):
    plugin = EXAMPLES / "plugins" / "gatemate.py"
    options = ("--device", "ccgm1a1", "--plugin", plugin)
    design = tmp_path / "out"
    assert qcc(capfd, "compile", saved_mlp(tmp_path), "-o", design, *options).status == 0
    assert qcc(capfd, "synth", design, *options).status == 0
    result = qcc(capfd, "verify", design, "--netlist", "--vectors", "20", *options)
    assert result.status == 0, result.words
    assert "0 mismatches" in result.out


def test_a_family_whose_name_is_taken(capfd, tmp_path):
    plugin = tmp_path / "taken.py"
    plugin.write_text(
        "from qcompiler import extend\n"
        "from qcompiler.devices.family import Family\n"
        "extend.add_family(Family(name='xilinx'))\n"
    )
    result = qcc(capfd, "check", saved_mlp(tmp_path), "--plugin", plugin)
    assert result.status == 1
    assert "a family xilinx exists already" in result.words


def test_a_device_whose_name_is_taken(capfd, tmp_path):
    device_file(tmp_path, "ecp5-25k")
    plugin = tmp_path / "taken.py"
    plugin.write_text(DEVICE.replace("tiny-ice40", "ecp5-25k"))
    result = qcc(capfd, "check", saved_mlp(tmp_path), "--plugin", plugin)
    assert result.status == 1
    assert "ecp5-25k is that of a shipped device" in result.words


TARGET = '''
from dataclasses import dataclass
from xdsl.utils.target import Target

@dataclass(frozen=True)
class Names(Target):
    """Prints the names of operations."""
    name = "name-a-line"
    def emit(self, ctx, module, output):
        output.write("".join(f"{op.name}\\n" for op in module.walk()))
'''


def test_a_target_of_a_plugin(capfd, tmp_path):
    plugin = tmp_path / "names_target.py"
    plugin.write_text(TARGET)
    ir = tmp_path / "empty.mlir"
    ir.write_text("builtin.module {}")
    result = qcc(capfd, "opt", ir, "--plugin", plugin, "-t", "name-a-line")
    assert result.status == 0, result.words
    assert result.out.split() == ["builtin.module"]
