"""Outputs of a model that depend on its inputs without passing through the hardware."""

import importlib.util

import numpy as np
import onnxruntime
import pytest
from cli_runner import qcc
from onnx import TensorProto
from onnx_models import model, node, save

import qcompiler
from qcompiler.analysis.host_part import host_parts

F32, I8 = np.float32, np.int8
NUMBERS = {"s": F32(0.25), "z": I8(3), "ws": F32(0.125), "wz": I8(0), "zero": I8(0)}
W = np.random.default_rng(1).integers(-9, 10, (4, 3)).astype(I8)


def qdq(value, name, zero="z"):
    return [node("QuantizeLinear", [value, "s", zero], [f"{name}q"]),
            node("DequantizeLinear", [f"{name}q", "s", zero], [name])]  # fmt: skip


DENSE = [*qdq("x", "a"), node("DequantizeLinear", ["w", "ws", "wz"], ["wd"]),
         node("MatMul", ["a", "wd"], ["m"]), *qdq("m", "y")]  # fmt: skip
CASES = {
    "quantized": ([*DENSE, node("Identity", ["a"], ["v"])], ("y", "v")),
    "quantized otherwise": ([*DENSE, *qdq("x", "v", "zero")], ("v", "y")),
    "relu": ([node("Relu", ["x"], ["v"]), *DENSE], ("v", "y")),
    "relu in front": (
        [node("Relu", ["x"], ["r"]), *qdq("r", "a"), *DENSE[2:]], ("r", "y"),
    ),
    "added": ([*DENSE, node("Softmax", ["y"], ["p"]), node("ReduceMean", ["x"], ["e"], axes=[1]),
               node("Add", ["p", "e"], ["v"])], ("v",)),
    "input": (DENSE, ("y", "x")),
    "constant": ([*DENSE, node("DequantizeLinear", ["row", "ws", "wz"], ["v"])], ("v", "y")),
    "computed constant": (
        [*DENSE, node("DequantizeLinear", ["row", "s", "z"], ["r"]), node("Softmax", ["r"], ["v"])],
        ("y", "v"),
    ),
    "reshaped": ([*DENSE, node("Flatten", ["aq"], ["f"]),
                  node("DequantizeLinear", ["f", "s", "z"], ["v"])], ("y", "v")),
}  # fmt: skip


def network(case):
    nodes, outputs = CASES[case]
    return model(nodes, {**NUMBERS, "w": W, "row": W[:, 0][np.newaxis]}, outputs=outputs)


def frames(count=30):
    return np.random.default_rng(2).integers(-120, 120, (count, 4)).astype(F32) / 16


def reference(proto, x):
    proto.ir_version = 10
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    results = [session.run(None, {"x": frame[np.newaxis]}) for frame in x]
    return [np.concatenate(of_output) for of_output in zip(*results, strict=True)]


def driver_of(folder):
    spec = importlib.util.spec_from_file_location("driver", folder / "driver" / "driver.py")
    driver = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(driver)
    return driver


def outputs_of(found):
    return found if isinstance(found, tuple | list) else [found]


@pytest.mark.parametrize("case", CASES)
def test_against_onnxruntime(case, tmp_path):
    proto, x = network(case), frames()
    design = qcompiler.compile(save(proto, tmp_path), validate=True)
    wanted = reference(proto, x)
    driver = driver_of(design.write(tmp_path / "design"))
    found = outputs_of(design.predict(x))

    def hardware(beats):
        inputs = [driver.unpack(b, p["lanes"], p["width_bits"], p["signed"])
                  for b, p in zip(beats, driver.PORTS, strict=False)]  # fmt: skip
        outputs = [p for p in driver.PORTS if p["direction"] == "out"]
        return [driver.pack(a.reshape(len(a), -1), p["lanes"], p["width_bits"])
                for a, p in zip(design.core(inputs), outputs, strict=True)]  # fmt: skip

    driven = driver.predict(x, hardware)
    assert len(found) == len(driven) == len(wanted)
    for mine, shipped, theirs in zip(found, driven, wanted, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-7)
        np.testing.assert_array_equal(shipped, mine)


def test_simulated_verified_and_reported(tmp_path, capfd):
    proto, x = network("relu"), frames(5)
    file, out = save(proto, tmp_path), tmp_path / "design"
    compiled = qcc(capfd, "compile", file, "-o", out)
    assert compiled.status == 0, compiled
    verified = qcc(capfd, "verify", out, "--vectors", 20)
    assert verified.status == 0, verified
    assert "relu beside the hardware, for outputs that do not need it" in compiled.out
    assert host_parts(qcompiler.load(out).model)["beside"].last == "v (ONNX Relu)"
    design = qcompiler.load(out)
    for mine, theirs in zip(design.simulate(x), reference(proto, x), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    view = qcc(capfd, "view", out, "-o", tmp_path / "view.html")
    assert view.status == 0, view


def test_without_the_inputs_the_outputs_are_not_known(tmp_path):
    design = qcompiler.compile(save(network("relu"), tmp_path))
    integers = design.core(design.quantize(frames(2)))
    with pytest.raises(ValueError, match="give them as `inputs`"):
        design.dequantize(integers)
    assert len(design.dequantize(integers, frames(2))) == 2


def test_integers_of_several_inputs(tmp_path):
    nodes = [*DENSE, node("Add", ["a", "k"], ["v"])]
    proto = model(nodes, {**NUMBERS, "w": W}, inputs={"x": [1, 4], "k": [1, 4]},
                  outputs=("y", "v"), element=TensorProto.FLOAT)  # fmt: skip
    design = qcompiler.compile(save(proto, tmp_path))
    x = frames()
    y, v = design.predict({"x": x, "k": x + 1})
    np.testing.assert_array_equal(v, np.clip(np.rint(x * 4), -131, 124) / 4 + x + 1)
    assert y.shape == (30, 3)
