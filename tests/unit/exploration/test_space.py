"""Spaces: what a file says, what it may not say, all of it at once."""

import pytest
from cli_runner import saved_mlp

from qcompiler.errors import ModelError
from qcompiler.exploration.files import Files
from qcompiler.exploration.planning import Planner
from qcompiler.exploration.space import read_space, space_of

SPACE = {"models": ["net.onnx"], "options": {"cycles": [1, 4], "device": ["ecp5-25k", "u280"]}}


def refused(data, folder):
    with pytest.raises(ModelError) as error:
        space_of(data, folder)
    return [str(problem) for problem in error.value.problems]


def keys(space):
    planner = Planner(space, Files())
    return [planner.design(*entry).key for entry in space.grid()]


def test_a_grid_has_every_combination_once(tmp_path):
    space = space_of(SPACE, tmp_path)
    assert space.size == 4
    assert [options for _, options in space.grid()] == [
        {"cycles": 1, "device": "ecp5-25k"},
        {"cycles": 1, "device": "u280"},
        {"cycles": 4, "device": "ecp5-25k"},
        {"cycles": 4, "device": "u280"},
    ]


def test_false_leaves_an_option_out(tmp_path):
    space = space_of({**SPACE, "options": {"device": ["u280", False]}}, tmp_path)
    assert [options for _, options in space.grid()] == [{"device": "u280"}, {}]


def test_lists_of_a_quantization_are_ways_to_quantize(tmp_path):
    quantize = {"weight-bits": [2, 4], "activation-bits": [4, 8], "data": "gaussian"}
    space = space_of({"models": [{"file": "f.onnx", "quantize": quantize}]}, tmp_path)
    assert [v.name for v in space.variants] == [
        "f-a4-w2.onnx",
        "f-a8-w2.onnx",
        "f-a4-w4.onnx",
        "f-a8-w4.onnx",
    ]
    assert {v.calibration for v in space.variants} == {"gaussian"}


def test_all_that_is_wrong_is_said_at_once(tmp_path):
    data = {
        "modles": ["a.onnx"],
        "steps": "synt",
        "options": {"cycels": 1, "fps": 0, "device": "ecp5-26k", "effort": 7, "mhz": "fast"},
        "search": {"trials": 0, "objectives": ["speed"]},
        "limits": {"seconds": -1},
    }
    found = "\n".join(refused(data, tmp_path))
    for words in (
        "space: modles: is no entry of a space; did you mean models?",
        "space: models: is missing",
        "space: steps: has 'synt'; did you mean synth?",
        "space: options.cycels: is no option of qcc compile; did you mean cycles?",
        "space: options.fps, --fps: must be positive, got 0.0",
        "ecp5-26k",
        "space: options.effort, --effort: must be one of 0, 1, 2, 3, got 7",
        "space: options.mhz: has 'fast'; give a number, or false to leave it out",
        "space: search.trials: is 0; give an integer from 1 to",
        "space: search.objectives: has speed",
        "space: limits.seconds: is -1",
    ):
        assert words in found


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"options": {"fps": 1, "cycles": 1}}, "no design can have both"),
        ({"options": {"cycles": []}}, "has no value"),
        ({"options": {"folding": "absent.json"}}, "is no file"),
        ({"options": 3}, "give a table"),
        ({"data": "absent.npz"}, "is no file"),
        ({"models": [{"quantize": {}}]}, "names no file"),
        ({"models": [3]}, "give a path"),
        ({"models": [{"file": "m", "quantize": {"weight-bits": 99}}]}, "must be 2 to 16, got 99"),
        ({"models": [{"file": "m", "quantize": {"bits": 4}}]}, "is no option of qcc quantize"),
        ({"models": [{"file": "m", "input": {"x": "huge:1"}}]}, "models[0].input"),
        ({"options": {"mhz": list(range(1, 502)), "cycles": list(range(1, 501))}}, "has 250,500"),
        ({"search": {"trials": 3, "objectives": ["accuracy"]}}, "there are no data"),
        ({"search": {}}, "search.trials: is missing"),
        ({"search": {"trials": 3, "seed": -1}}, "search.seed: is -1; give an integer from 0"),
        ({"synth": {"seed": 0}}, "synth.seed: is 0; give an integer from 1"),
        ({"verify": {"vectors": 0}}, "verify.vectors: is 0; give an integer from 1"),
        ({"limits": {"memory": float("inf")}}, "limits.memory: is inf; give a positive number"),
        ({"limits": {"seconds": float("nan")}}, "limits.seconds: is nan"),
        ({"models": [{"file": "m", "quantize": {"weight-bits": []}}]}, "has no value"),
    ],
)
def test_refusals(tmp_path, changes, words):
    assert words in "\n".join(refused({**SPACE, **changes}, tmp_path))


def test_a_file_that_is_none(tmp_path):
    (tmp_path / "s.toml").write_text("models = [")
    with pytest.raises(ModelError, match="is no TOML"):
        read_space(tmp_path / "s.toml")
    with pytest.raises(ModelError, match="cannot be read: No such file"):
        read_space(tmp_path / "t.toml")


def test_keys_are_of_contents(tmp_path):
    saved_mlp(tmp_path)
    space = space_of(SPACE, tmp_path)
    first = keys(space)
    assert len(set(first)) == 4
    assert keys(space) == first
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    (tmp_path / "net.onnx").rename(moved / "net.onnx")
    assert keys(space_of(SPACE, moved)) == first
    saved_mlp(moved, q_scale=0.25)
    assert not set(keys(space_of(SPACE, moved))) & set(first)
    steps = space_of({**SPACE, "steps": ["place"]}, moved)
    assert steps.steps == ("estimate", "place")
    assert not set(keys(steps)) & set(first)


def test_commands_do_the_same(tmp_path):
    saved_mlp(tmp_path)
    space = space_of({**SPACE, "steps": ["place", "verify"], "synth": {"seed": 2}}, tmp_path)
    task = Planner(space, Files()).design(*next(space.grid()))
    assert task.command == (
        f"qcc compile {tmp_path}/net.onnx --cycles 1 --device ecp5-25k && "
        "qcc synth build/net --place --seed 2 && qcc verify build/net --vectors 100"
    )


def test_files_beside_a_model_travel_and_none_from_elsewhere(tmp_path):
    inside = tmp_path / "inside"
    (inside / "sub").mkdir(parents=True)
    (tmp_path / "secret.npz").write_bytes(b"secret")
    (inside / "sub" / "w.npz").write_bytes(b"weights")
    text = 'load("sub/w.npz", "a"); load("../secret.npz", "a"); load("absent.npy")'
    (inside / "m.qnn").write_text(text)
    assert set(Files().model(inside / "m.qnn")) == {"m.qnn", "sub/w.npz"}
