"""The analytic model of transformers against published figures and by hand."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from qcompiler.analysis.transformers import (
    MODELS,
    OPERATIONS,
    Estimate,
    Gpu,
    Platform,
    Split,
    best,
    block_memories,
)

REPORTS = Path(__file__).parents[3].parent / "shared" / "data" / "gpt2_u280_hls.json"
MEDIUM = MODELS["gpt2-medium"]
ROOMY = Platform(2000, 300, 10**9, 5000, 36864, (9, 18, 36, 72), 64e9, 3.68e12, 32, 200e9)
BUILT = Split(256, 64, 256)

CYCLES = {"qkv": 528822, "proj": 528821, "ffn1": 2110901, "ffn2": 2104773}
REGIONS = 528900 + 2110967
"""Of a layer of GPT-2 medium on a U280, as high-level synthesis scheduled it (Allo, PLDI 2024)."""


def test_operations_take_the_cycles_that_were_reported():
    for operation, reported in zip(("k", "p", "f1", "f2"), CYCLES.values(), strict=True):
        assert MEDIUM.macs(operation) / BUILT.of(operation) == pytest.approx(reported, rel=0.01)


def test_a_layer_takes_the_cycles_that_were_reported():
    layer = Estimate(replace(MEDIUM, layers=1), ROOMY, BUILT, 1)
    assert layer.cycles() == 2_621_440
    assert layer.cycles() == pytest.approx(REGIONS, rel=0.01)
    assert layer.bottleneck() == "perceptron"


def test_the_reports_themselves():
    if not REPORTS.exists():
        pytest.skip("needs the data of others")
    known = json.loads(REPORTS.read_text())["cycles"]
    assert {name: known[name] for name in CYCLES} == CYCLES
    assert known["region1"] + known["region3"] == REGIONS


def test_a_balanced_split_is_a_quarter_faster():
    split = Split.balanced(MEDIUM, BUILT.total)
    assert split.total == pytest.approx(BUILT.total) == 1664
    cycles = {op: MEDIUM.macs(op) / split.of(op) for op in OPERATIONS}
    assert max(cycles.values()) == pytest.approx(min(cycles.values()))
    layer = replace(MEDIUM, layers=1)
    fast, slow = (Estimate(layer, ROOMY, s, 1).cycles() for s in (split, BUILT))
    assert fast == pytest.approx(1_976_162, rel=1e-3)
    assert 1 - fast / slow == pytest.approx(0.25, abs=0.005)


def test_layers_side_by_side_as_equation_12_has_it():
    for count in (1, 2, 4):
        split = Split.balanced(MEDIUM, 1600 / count)
        found = Estimate(MEDIUM, ROOMY, split, count).cycles()
        wanted = 24 * (1 + 1 / count) * 128 * 1024**2 / split.projections
        assert found == pytest.approx(wanted)


def test_decoding_waits_for_memory():
    estimate = Estimate(MEDIUM, ROOMY, BUILT, 1)
    layer = (4 * 1024**2 + 2 * 1024 * 4096) * 8 / 3.68e12 * 300e6
    assert estimate.memory_cycles == pytest.approx(layer)
    first = 1024**2 / 256
    assert estimate.cycles(decode=True) == pytest.approx(
        24 * (first + max(first * 4, 1025 * 1024 / 64, layer))
    )
    slow = replace(ROOMY, dram_bits_a_second=1e11)
    assert Estimate(MEDIUM, slow, BUILT, 1).bottleneck(decode=True) == "memory"


def test_blocks_of_memory():
    # 64 weights of 8 bits a cycle: a port of 9 each, or four to a port of 36.
    assert block_memories(ROOMY, 64, 64, 8, 1) == 64
    assert block_memories(ROOMY, 64, 64, 8, 4) == 16
    # 2^20 words in 64 banks: 2^14 words of 9 bits each, four blocks.
    assert block_memories(ROOMY, 2**20, 64, 8, 1) == 64 * 4


def test_the_best_fits_and_is_no_slower_than_its_neighbours():
    found = best(MEDIUM, ROOMY)
    assert found is not None
    assert not found.excess()
    more = Split.balanced(MEDIUM, found.split.total + 1)
    assert replace(found, split=more).excess()
    for count in (1, 2, 3):
        other = Split.balanced(MEDIUM, min(found.split.total, 2000 / count))
        trial = replace(found, split=other, on_device=count)
        assert trial.excess() or trial.cycles() >= found.cycles()
    assert best(MEDIUM, replace(ROOMY, sram_bits=1000)) is None


def test_several_devices_share_or_follow():
    one, two = best(MEDIUM, ROOMY), best(MEDIUM, ROOMY, 2)
    assert one is not None
    assert two is not None
    assert two.tensor * two.pipeline == 2
    assert one.cycles() / 2 * 0.99 < two.cycles() < one.cycles()
    shared = Estimate(MEDIUM, ROOMY, BUILT, 1, tensor=2)
    bits = 128 * 1024 * 8
    assert shared.link_cycles(decode=False) == pytest.approx(2 * bits / (0.8 * 200e9) * 300e6)
    apart = replace(ROOMY, link_bits_a_second=0.0)
    assert Estimate(MEDIUM, apart, BUILT, 1, tensor=2).cycles() == float("inf")


def test_a_gpu_is_bound_by_products_or_memory():
    gpu = Gpu(bits_a_second=1.2e13, macs_a_second=3e14)
    macs = 24 * sum(MEDIUM.macs(operation) for operation in OPERATIONS)
    long = replace(MEDIUM, length=4096)
    assert gpu.seconds(long) > gpu.seconds(MEDIUM) >= macs / 3e14
    weights = 24 * MEDIUM.parameter_bits
    assert gpu.seconds(MEDIUM, decode=True) == pytest.approx(
        (weights + 24 * MEDIUM.cache_bits / 2) / 1.2e13
    )
