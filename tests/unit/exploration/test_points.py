"""What trials say of designs: accuracies of their integers, clocks that were reached, faults."""

from qcompiler.exploration.points import front_of, points_of
from qcompiler.exploration.store import Trial
from qcompiler.exploration.tasks import DONE, REFUSED, Limits, Outcome, Task

ESTIMATE = {
    "clock_mhz": 100.0,
    "max_cycles": 10,
    "critical_path_cycles": 50,
    "capacity": {"LUT": 500},
}


def trial(kind, result, state=DONE, files=None, ended=0.0, data=None, **options):
    spec = {
        "model": "m.onnx",
        "files": {"m.onnx": "hash", **(files or {})},
        "inputs": {},
        "options": options,
        "steps": ["estimate"],
        "versions": {"qcompiler": "1"},
    }
    if data is not None:
        spec["data"] = data
        spec["files"][data] = f"hash of {data}"
    task = Task(kind, spec, "qcc compile m.onnx")
    return Trial(task.key, task, Outcome(state, result), Limits(), ended)


def design(luts=100, **more):
    return {"estimate": ESTIMATE, "resources": {"LUT": luts, "FF": 1}, **more}


def test_an_accuracy_is_that_of_all_designs_that_compute_the_same():
    found = points_of(
        [
            trial("design", design(), cycles=1),
            trial("design", design(), cycles=2),
            trial("design", design(), numerics="exact"),
            trial("design", design(), files={"m.onnx": "other"}),
            trial("accuracy", {"accuracy": 0.8}, data="data/a.npz", ended=1.0),
            trial("accuracy", {"accuracy": 0.9}, data="data/b.npz", ended=2.0),
            trial("design", design(), files={"w/a.npy": "other weights"}),
            trial("design", design(), files={"devices/d.toml": "d"}, device="d"),
            trial("design", design(), files={"folding/f.json": "f"}, folding="folding/f.json"),
            trial("quantize", {}),
            trial("quantize", None, state=REFUSED),
        ]
    )
    accuracies = [point.measures.get("accuracy") for point in found]
    assert accuracies == [0.9, 0.9, None, None, None, 0.9, 0.9, None]
    assert [point.kind for point in found] == ["design"] * 7 + ["quantize"]


def test_models_of_one_file_name_are_not_compared():
    found = points_of(
        [
            trial("design", design(luts=90), files={"m.onnx": "8 bits"}, cycles=1),
            trial("design", design(luts=50), files={"m.onnx": "4 bits"}, cycles=1),
            trial("design", design(luts=60), files={"m.onnx": "4 bits"}, cycles=2),
        ]
    )
    assert sorted(point.measures["luts"] for point in front_of(found)) == [50, 90]


def test_what_is_measured_takes_the_place_of_estimates():
    synth = {"total": {"LUT": 70, "FF": 2}, "fits": True, "fmax_mhz": 200.0}
    (point,) = points_of([trial("design", design(synth=synth))])
    measures = dict(point.measures)
    assert measures == {
        "seconds": 0.0, "rate": 20e6, "latency": 0.25, "clock": 200.0, "cycles": 10, "luts": 70,
        "ffs": 2,
    }  # fmt: skip
    assert point.fault == ""


def test_designs_that_do_not_work_say_why():
    synth = {"total": {"LUT": 700}, "fits": False, "fmax_mhz": None}
    faults = [
        points_of([trial("design", result)])[0].fault
        for result in (
            design(),
            design(luts=501),
            design(synth=synth),
            design(verify={"passed": True}),
            design(verify={"passed": False}),
        )
    ]
    assert faults == [
        "",
        "does not fit: LUT",
        "does not fit: synthesized",
        "",
        "the Verilog differs",
    ]
