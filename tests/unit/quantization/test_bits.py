"""Bits by exact optimization: small programs by hand, and configurations that others published."""

import json
import os
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from scipy import optimize

from qcompiler.errors import ModelError
from qcompiler.quantization.bits import Choice, least_sensitive, pareto

PUBLISHED = Path(__file__).parents[4] / "shared" / "data" / "hawq_ilp.json"


def random_items(seed, count=5, widths=(2, 4, 8)):
    """Layers whose weights have widths of their own, and whose activations those of a neighbour."""
    random = np.random.default_rng(seed)
    items = []
    for place in range(count):
        size, hurt = random.uniform(1, 10, 2)
        items.append(
            [
                Choice(
                    {f"w{place}": w, f"a{place // 2}": a},
                    hurt * 4.0**-w + 4.0**-a,
                    {"bops": size * w * a, "size": size * w},
                )
                for w, a in product(widths, widths)
            ]
        )
    return items


def by_enumeration(items, budget):
    best = np.inf
    for choices in product(*items):
        widths = {}
        agree = all(widths.setdefault(k, v) == v for c in choices for k, v in c.widths.items())
        kept = all(sum(c.costs[k] for c in choices) <= most for k, most in budget.items())
        if agree and kept:
            best = min(best, sum(c.sensitivity for c in choices))
    return best


@pytest.mark.parametrize("seed", range(3))
def test_is_the_best_there_is(seed):
    items = random_items(seed, 4)
    most = sum(max(c.costs["bops"] for c in item) for item in items)
    budget = {"bops": 0.4 * most, "size": 1e9}
    found = least_sensitive(items, budget)
    assert found.sensitivity == pytest.approx(by_enumeration(items, budget), rel=1e-6)
    assert found.costs["bops"] <= budget["bops"] * (1 + 1e-9)


def test_a_budget_that_cannot_be_kept_says_the_least_that_can():
    items = random_items(0)
    least = sum(min(c.costs["size"] for c in item) for item in items)
    with pytest.raises(ModelError, match="1 of size cannot be kept; the least is") as caught:
        least_sensitive(items, {"size": 1.0})
    assert f"{least:,.6g}" in str(caught.value)
    least_sensitive(items, {"size": least * (1 + 1e-9)})


def test_the_front_has_no_point_that_another_beats():
    front = pareto(random_items(1), "size")
    assert len(front) > 3
    costs, hurts = zip(*((p.costs["size"], p.sensitivity) for p in front), strict=True)
    assert list(costs) == sorted(costs)
    assert list(hurts) == sorted(hurts, reverse=True)


TIES = {
    "resnet18": [(4, 6), (9, 11), (14, 16)],
    "resnet50": [(0, 3), (10, 13), (23, 26), (42, 45)],
}
KINDS = ("modelsize", "bops", "latency")


def published_items(net, name):
    """The problem of the authors: a layer has 4 or 8 bits, for weights and activations alike."""
    tied = {layer: min(pair) for pair in TIES[name] for layer in pair}
    items = []
    for layer, trace in enumerate(net["Hutchinson_trace"]):
        variable = f"l{tied.get(layer, layer)}"
        choices = []
        for bits in (4, 8):
            costs = {
                "modelsize": net["parameters"][layer] * bits / 8,
                "bops": net["bops"][layer] * bits**2,
                "latency": net[f"latency_int{bits}"][layer],
            }
            hurt = trace * net[f"delta_weights_{bits}bit_square"][layer]
            choices.append(Choice({variable: bits}, hurt, costs))
        items.append(choices)
    return items


def total(items, bits, measure):
    return sum(measure(next(c for c in item if [*c.widths.values()] == [b]))
               for item, b in zip(items, bits, strict=True))  # fmt: skip


def uniform_cost(items, bits, kind):
    return total(items, [bits] * len(items), lambda c: c.costs[kind])


def test_the_solver_prints_nothing(monkeypatch, capfd):
    solve = optimize.milp

    def loud(*args, **more):
        os.write(1, b"a line of the solver")
        return solve(*args, **more)

    monkeypatch.setattr(optimize, "milp", loud)
    least_sensitive(random_items(0), {"size": 1e9})
    sys.stdout.write("a line of ours\n")
    assert capfd.readouterr().out == "a line of ours\n"


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published figures are not here")
def test_published_configurations():
    data = json.loads(PUBLISHED.read_text())
    same, others = 0, []
    for name, kind, ratio in product(TIES, KINDS, ("0.75", "0.5", "0.25")):
        items = published_items(data[name], name)
        low, high = (uniform_cost(items, b, kind) for b in (4, 8))
        found = least_sensitive(items, {kind: low + (high - low) * float(ratio)})
        variables = [next(iter(item[0].widths)) for item in items]
        bits = [found.widths[v] for v in variables]
        config = data["bit_config"][f"bit_config_{name}_{kind}_{ratio}"]
        theirs = [b for key, b in config.items() if "convbn" in key and "init" not in key]
        same += bits == theirs
        if bits != theirs:
            others.append((name, kind, ratio))
            assert found.costs[kind] <= low + (high - low) * float(ratio)
            assert found.sensitivity <= total(items, theirs, lambda c: c.sensitivity)
    assert same >= 17, others
