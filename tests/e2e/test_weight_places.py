"""Weights beside the chip and weights that the host writes: model, integers and Verilog agree."""

import importlib.util
import json

import numpy as np
import pytest
from cli_runner import small_mlp
from onnx_models import save
from recurrent_nodes import INPUTS, STATES, parameters
from recurrent_nodes import network as recurrent
from weighted_networks import in_hardware, network, random_weights, runtime

import qcompiler
from qcompiler.backends.package.write import write_package
from qcompiler.backends.simulators import SimulationError
from qcompiler.backends.verification import verify
from qcompiler.backends.weight_sets import weight_map, written_set
from qcompiler.errors import ModelError

WEIGHTS = random_weights(1)
FRAMES = np.random.default_rng(0).normal(0, 3, (12, 2, 5, 5)).astype(np.float32)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save(network(WEIGHTS), tmp_path_factory.mktemp("weights"))


def test_weights_of_every_unit_come_from_a_memory_that_answers_late(model, tmp_path):
    design = qcompiler.compile(model, weights="external", cycles=600)
    assert (design.predict(FRAMES) == runtime(network(WEIGHTS), FRAMES)).all()
    told = design.report().weights["external"]
    # Of 4 bits each, in whole beats of 8 bytes.
    sizes = {"conv": 40, "depthwise": 24, "grouped": 8, "dense": 136}
    assert told["layers"] == sizes
    assert told["bytes_per_frame"] == sum(sizes.values())
    assert told["megabytes_per_second"] == pytest.approx(208 * 100 / design.timing.cycles_per_frame)
    design.write(tmp_path / "net")
    result = verify(tmp_path / "net", vectors=32)
    assert result.passed
    back_to_back, stalled = result.runs
    assert back_to_back.cycles_per_frame == design.timing.cycles_per_frame
    assert back_to_back.latency_cycles == design.timing.latency_cycles
    assert back_to_back.weight_bytes_per_frame == 208
    assert stalled.weight_bytes_per_frame == pytest.approx(208, rel=0.05)
    _image_is_as_its_map_says(tmp_path / "net" / "weights")


def _image_is_as_its_map_says(folder):
    """Reads the weights of each layer with the map alone."""
    image = np.frombuffer((folder / "image.bin").read_bytes(), np.uint8)
    for layer, told in json.loads((folder / "map.json").read_text()).items():
        bits = np.unpackbits(image[told["offset"] :][: told["bytes"]], bitorder="little")
        order, width = np.array(told["order"]), told["weight_bits"]
        words = bits[: len(order) * told["word_bits"]].reshape(len(order), -1)
        codes = words[:, : order.shape[1] * width].reshape(*order.shape, width)
        values = codes @ (1 << np.arange(width))
        values -= (values >> (width - 1)) << width
        matrix = np.zeros(told["shape"], np.int64)
        matrix.reshape(-1)[order] = values
        assert (matrix == in_hardware(WEIGHTS)[layer]).all()


def test_weights_are_swapped_between_frames(model):
    design = qcompiler.compile(model, weights="writable", cycles=600)
    others = [random_weights(2, -128, 127), random_weights(3, -128, -127)]
    swaps = np.zeros((len(FRAMES), 1), np.int64)
    swaps[[0, 5, 6]] = 1
    wanted = [
        runtime(network(weights), frames)
        for weights, frames in zip(
            (WEIGHTS, *others), (FRAMES[:5], FRAMES[5:6], FRAMES[6:]), strict=True
        )
    ]
    sets = [in_hardware(weights) for weights in (WEIGHTS, *others)]
    integers = [*design.quantize(FRAMES), swaps]
    made, _ = design.simulate_core(integers, weights=sets, stall_probability_in=0.2)
    assert (design.outputs_of(made, FRAMES) == np.concatenate(wanted)).all()
    assert (design.core(integers, weights=sets)[0] == made[0].reshape(12, 1, 5)).all()


@pytest.fixture(scope="module")
def hungry(tmp_path_factory):
    """Units that take 8 cycles a frame, and 24 beats of weights: 384 of 4 bits."""
    proto = small_mlp(w1=_normal(4, 64), w2=_normal(64, 2))
    path = save(proto, tmp_path_factory.mktemp("hungry"))
    return qcompiler.compile(path, weights="external", cycles=8)


def _normal(*shape):
    return np.random.default_rng(0).normal(0, 1, shape).astype(np.float32)


def test_a_frame_is_as_slow_as_its_weights_come(hungry):
    assert hungry.report().weights["external"]["bus_cycles_per_frame"] == 24
    assert hungry.timing.cycles_per_frame == 24
    frames = np.random.default_rng(0).integers(-8, 8, (64, 1, 4))
    made, result = hungry.simulate_core([frames])
    assert (made[0].reshape(64, -1) == hungry.core([frames])[0].reshape(64, -1)).all()
    assert 24 <= result.cycles_per_frame < 25


def test_a_broken_rule_of_the_bus_is_seen(hungry, tmp_path):
    rtl = hungry.rtl_design(tmp_path)
    changed = 0
    for path in rtl.sources:
        text = path.read_text()
        changed += text.count("arburst = 2'd1")
        path.write_text(text.replace("arburst = 2'd1", "arburst = 2'd2"))
    assert changed
    with pytest.raises(SimulationError, match=r"AXI rule broken in cycle \d+: a burst is not INCR"):
        hungry.simulate_rtl(rtl, [np.zeros((2, 1, 4), np.int64)], tool="verilator")


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("densely=external", "no layer with weights is called so; did you mean dense?"),
        ("dense=writable:-4:7", r"its weights lie in \[-8, 7\], beyond \[-4, 7\]"),
        ("dense=writable:4", "only writable weights declare a range"),
        ("external:0:1", "only writable weights declare a range"),
        ("dense=writable:a:7", "LO and HI of writable:LO:HI must be integers"),
        ("dense=writable:7:-8", "needs LO < HI of 32 bits"),
        ("outside", "a place is one of internal, external, writable, got 'outside'"),
        ("external,writable", "two places for all layers, the second is 'writable'"),
        ("dense=external,dense=writable", "two places for dense"),
    ],
)
def test_refused_places(model, weights, message):
    with pytest.raises(ModelError, match=message):
        qcompiler.compile(model, weights=weights)


def test_weights_that_all_work_at_once_cannot_come_from_elsewhere(model):
    with pytest.raises(ModelError) as refused:
        qcompiler.compile(model, weights="dense=external", cycles=1)
    assert "in 1 cycle a frame all of its weights work at once" in str(refused.value)
    assert "at least 2 cycles (--cycles), or leave its weights internal" in str(refused.value)


@pytest.fixture(scope="module")
def written(model):
    return qcompiler.compile(model, weights="dense=writable", cycles=600)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"dense": np.full((54, 5), 128)}, r"weights must lie in \[-128, 127\], which is declared"),
        ({"dense": np.zeros((5, 54), int)}, r"weights must have shape \(54, 5\), got \(5, 54\)"),
        ({"dense": np.zeros((54, 5))}, "weights must be integers, got float64"),
        ({"sparse": np.zeros((54, 5), int)}, "no writable weights of 'sparse'; there are dense"),
    ],
)
def test_sets_that_do_not_fit(written, given, message):
    swaps = np.ones((1, 1), np.int64)
    with pytest.raises(ValueError, match=message):
        written.core([*written.quantize(FRAMES[:1]), swaps], weights=[given])


@pytest.mark.parametrize("place", ["writable", "external"])
def test_a_recurrent_node_has_weights_of_several_products(place, tmp_path):
    """All went by the node's name, so that one was left; and states beside sets were a fault."""
    path = save(recurrent("LSTM", parameters("LSTM")), tmp_path)
    design = qcompiler.compile(path, states=STATES["LSTM"], weights=place, cycles=64)
    told = weight_map(design.network)
    node = next(iter(told))
    assert list(told) == [node, *(f"{node}_{number}" for number in range(2, 9))]  # four gates
    sizes = [one["bytes"] for one in told.values()]
    report = design.report().weights[place]
    if place == "external":
        assert report["bytes_per_frame"] == sum(sizes) == 8 * report["bus_cycles_per_frame"]
        return
    assert report["bytes_per_set"] == sum(sizes) == written_set(design.network, {}).size
    frames, swaps = np.full((4, INPUTS), 90), np.array([[1], [0], [1], [0]])
    same = design.core([frames, 0 * swaps, swaps], weights=[{}, {}])[0]
    for name, one in told.items():
        other = {name: np.full(one["shape"], one["hi"])}
        made = design.core([frames, 0 * swaps, swaps], weights=[{}, other])[0]
        assert (made[:2] == same[:2]).all()
        assert (made[2:] != same[2:]).any()


def test_fewer_sets_than_frames_use(written):
    with pytest.raises(ValueError, match="frames use 2 sets of weights, got 1"):
        written.core([*written.quantize(FRAMES[:2]), np.ones((2, 1), np.int64)], weights=[{}])


def test_a_search_ends_where_the_bus_is_slowest(tmp_path):
    proto = small_mlp(w1=_normal(4, 64), w2=_normal(64, 2))
    path = save(proto, tmp_path)
    design = qcompiler.compile(path, weights="external", device="ecp5-25k")
    assert design.timing.cycles_per_frame == 24


def test_the_driver_packs_sets_and_refuses_what_is_not_declared(written, tmp_path):
    written.write(tmp_path / "net")
    folder = tmp_path / "net" / "driver"
    spec = importlib.util.spec_from_file_location("weights_driver", folder / "driver.py")
    driver = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(driver)
    assert driver.pack_weights().tobytes() == (folder.parent / "weights/set.bin").read_bytes()
    other = {"dense": in_hardware(random_weights(2, -128, 127))["dense"]}
    assert (driver.pack_weights(other) == written_set(written.network, other)).all()
    with pytest.raises(ValueError, match=r"dense: weights must lie in \[-128, 127\]"):
        driver.pack_weights({"dense": other["dense"] + 256})
    with pytest.raises(ValueError, match="no writable weights of"):
        driver.pack_weights({"conv": other["dense"]})
    integers = written.quantize(FRAMES[:4])
    swaps = driver.pack_inputs(integers, swaps=[0, 2])[-1]
    assert swaps.reshape(-1).tolist() == [1, 0, 1, 0]
    write_package(tmp_path / "net", "ipxact")
    board = (tmp_path / "net/package/ipxact/pynq/board.py").read_text()
    assert "def predict(self, inputs, swaps=()):" in board
    assert "beats = driver.pack_weights(weights)" in board


def test_neurons_with_weights_elsewhere_are_kept(tmp_path):
    """The second neuron is dead as the weights are, but others may come."""
    w1 = np.array([[1, 0], [1, 0], [1, 0], [1, 0]], np.float32)
    path = save(small_mlp(w1=w1, w2=np.ones((2, 2), np.float32)), tmp_path)
    design = qcompiler.compile(path, weights="fc1=writable", cycles=8)
    assert written_set(design.network, {"fc1": np.full((4, 2), 7)}).size
    swaps = np.ones((1, 1), np.int64)
    frames = np.full((1, 1, 4), 7, np.int64)
    made = [design.core([frames, swaps], weights=[{"fc1": np.full((4, 2), n)}])[0] for n in (-7, 7)]
    assert (made[0] != made[1]).any()
