"""Writes docs/models.md, and the summary on the terminal, from the results of all models."""

from collections import Counter
from typing import Any

from benchmarks.common import markdown
from benchmarks.zoo.verdict import (
    FAILURES,
    MEANING,
    ORDER,
    compared,
    groups,
    mismatches,
    verdict,
    wrong_cycles,
)

Result = dict[str, Any]
Table = tuple[list[str], list[list[Any]]]


def in_order(results: list[Result]) -> list[Result]:
    """Returns failures first, then by name."""
    return sorted(results, key=lambda r: (ORDER.index(verdict(r)), r["model"]))


def counts(results: list[Result]) -> Table:
    """Returns how many models ended in which way."""
    found = Counter(verdict(r) for r in results)
    return ["result", "models", "meaning"], [[n, found[n], MEANING[n]] for n in ORDER if found[n]]


def failures(results: list[Result]) -> Table:
    """Returns what went wrong, in words."""
    rows = [
        [r["model"], verdict(r), _cell(_wrong(r))]
        for r in in_order(results)
        if verdict(r) in (*FAILURES, "not run")
    ]
    return ["model", "result", "what"], rows


def _wrong(result: Result) -> str:
    wrong = "; ".join(filter(None, [*mismatches(result), wrong_cycles(result)]))
    return result.get("crash") or wrong or result.get("timeout", "")


def compiled(results: list[Result]) -> Table:
    """Returns the models that compile."""
    columns = [
        "model", "result", "equals", "vectors", "integers", "differ", "RTL frames",
        "RTL mismatches", "cycles/frame", "multipliers", "compile s",
    ]  # fmt: skip
    rows = [_compiled_row(r) for r in in_order(results) if r.get("status") == "compiled"]
    return columns, rows


def _compiled_row(result: Result) -> list[Any]:
    found = groups(result)
    best = [min(members, key=lambda one: one["differ"]) for members in found.values()]
    equal = [
        one["against"] + " (reals)" * (one["kind"] == "reals") for one in best if not one["differ"]
    ]
    rtl = result.get("rtl", {})
    simulated = rtl.get("status") == "done"
    wrong = f"{rtl['mismatches']}, {rtl['stalled_mismatches']}" if simulated else "-"
    return [
        result["model"], verdict(result), _cell("; ".join(equal) or "-"),
        _each(best, "vectors"), _each(best, "compared"),
        _each(best, "differ") + _noise(best),
        rtl["frames"] if simulated else "-",
        "not run" if rtl.get("status") == "not run" else "failed" if _failed(rtl) else wrong,
        _cycles(result), result["multipliers"], result["compile_seconds"],
    ]  # fmt: skip


def _failed(rtl: Result) -> bool:
    return rtl.get("status") == "failed"


def _each(best: list[Result], key: str) -> str:
    return "; ".join(str(one[key]) for one in best) or "-"


def _noise(best: list[Result]) -> str:
    noise = sum(one["noise"] for one in best)
    return f" (+{noise} noise)" if noise else ""


def _cycles(result: Result) -> str:
    predicted = result["predicted_cycles"]
    measured = result.get("rtl", {}).get("measured_cycles")
    if not measured:
        return f"{predicted} (predicted)"
    return f"{measured:g}" if measured == predicted else f"{measured:g} (predicted {predicted})"


def refused(results: list[Result]) -> Table:
    """Returns the first problem of each model that is refused."""
    rows: list[list[Any]] = []
    for r in in_order(results):
        if verdict(r) == "refused":
            where, what, remedy = r["problems"][0]
            more = len(r["problems"]) - 1
            rows.append(
                [r["model"], _cell(where, 60), _cell(what), _cell(remedy), more or "", _imported(r)]
            )
    return ["model", "node", "reason", "remedy", "further", "front end"], rows


def _imported(result: Result) -> str:
    """Returns whether the nn level of a refused model computes the golden outputs."""
    found = groups(result).get("front end", [])
    if not found:
        return ""
    best = min(found, key=lambda one: one["differ"] / one["compared"])
    return f"{best['differ']} of {best['compared']} differ" if best["differ"] else "equal"


def disagreements(results: list[Result]) -> Table:
    """Returns every comparison that differs or could not be made."""
    rows: list[list[Any]] = []
    for r in in_order(results):
        alike: dict[tuple[str, str], list[str]] = {}
        for one in r.get("comparisons", []):
            if not compared(one):
                found = "not compared", _cell(one["reason"] or "nothing to compare")
            elif one["differ"]:
                found = f"{one['differ']} of {one['compared']}", _cell(one["notes"])
            else:
                continue
            alike.setdefault(found, []).append(one["against"])
        rows += [[r["model"], "; ".join(names), *words] for words, names in alike.items()]
    return ["model", "reference", "differ", "why, or the first one"], rows


def options(results: list[Result]) -> Table:
    """Returns what was given or changed so that a model says everything."""
    rows = [
        [r["model"], _cell(" ".join([*(f"--input {n}={s}" for n, s in r["inputs"].items())])),
         _cell("; ".join(r["notes"])), _cell(r.get("reason", ""))]
        for r in sorted(results, key=lambda r: r["model"])
        if r.get("inputs") or (r.get("notes") and not r["model"].startswith("onnx_node/"))
    ]  # fmt: skip
    return ["model", "options", "changed in a copy", "reason"], rows


def _cell(text: str, limit: int = 180) -> str:
    """Returns text that does not break a table."""
    clean = " ".join(text.split()).replace("|", "\\|")
    return clean if len(clean) <= limit else clean[: limit - 3] + "..."


_TEXT = """\
# Models that were tried

Written by `{command}` at commit {commit}; do not edit.

{count} models that other people made: [QONNX's zoo](https://github.com/fastmachinelearning/qonnx_model_zoo),
Brevitas, Deeploy, DORY, MLPerf Tiny, onnxruntime, MIGraphX, tract, and the one-operation tests of
ONNX. Each is compiled as `qcc compile` does it, compared, and simulated. The fully connected models
of QONNX's zoo are measured in more detail in [qonnx_mlps.md](qonnx_mlps.md).

{counts}

{failures}## Compiled

`equals` names references whose every integer is equal to our interpreter's: golden data that came
with the model, onnxruntime in one of four configurations, qonnx's executor (and, with that, real
arithmetic on the imported network: `nn level`). Configurations of one
runtime differ from one another, so of each kind one must be equal; the others are listed further
below. `vectors`, `integers` and `differ` are of these references, in this order. `(reals)`: where
the host computes on after the hardware (a softmax), its real numbers are compared, relative to 1e-5
of the largest. A real output that the host only scales is compared as the integer before: the
reference must lie nearer to our integer's value than to those of its neighbours. `noise` are codes
of a float32 reference that lie within its rounding error of ours (`benchmarks/reference.py`).

RTL mismatches: Verilator against our interpreter, back to back, then with random stalls on every
port (p = 0.3); `-` was not simulated. `cycles/frame` is measured, and equals the prediction unless
both are given.

{compiled}

## Refused

The first problem of each model, as `qcc check` shows it; `further` is the number of others.
`front end`: the imported network, interpreted, gives the golden outputs (real ones to 1e-5).

{refused}

## References that differ, or could not be used

onnxruntime `plain` has graph optimisations disabled; `precise` sets `session.x64quantprecision`,
without which its uint8 times int8 kernels saturate on a processor without VNNI. `integer kernels`
is the model rewritten to QLinearConv, QLinearMatMul and QGemm on uint8, which do not saturate
(`benchmarks/zoo/integer_kernels.py`): what `--numerics onnxruntime` means. It decides where it ran.
With `exact averages` the codes under an AveragePool are added before they are scaled; the runtime
adds float32 numbers, whose noise decides averages half way between two codes.

{disagreements}

## Options

What the models leave open. Parameters that one-operation tests hand over as inputs (scales, zero
points, weights) are constants in a copy, with their golden values; those
without further options are left out here.

{options}
"""


def page(results: list[Result], command: str) -> str:
    """Returns docs/models.md."""
    wrong = failures(results)
    commits = sorted({r["commit"] for r in results if "commit" in r})
    return _TEXT.format(
        command=command,
        commit=", ".join(commits),
        count=len(results),
        counts=markdown(*counts(results)),
        failures=f"## Failures\n\n{markdown(*wrong)}\n\n" if wrong[1] else "",
        compiled=markdown(*compiled(results)),
        refused=markdown(*refused(results)),
        disagreements=markdown(*disagreements(results)),
        options=markdown(*options(results)),
    )
