"""What the result of a model amounts to. Nothing that was not compared counts as equal."""

from typing import Any

FAILURES = ("CRASH", "MISMATCH", "TIMEOUT", "CYCLES")
ORDER = (*FAILURES, "not run", "unchecked", "no RTL", "ok", "refused")
"""Failures first."""
MEANING = {
    "ok": "compiled; equal to a reference of each kind at hand; its Verilog equals the interpreter",
    "no RTL": "the same, but its Verilog was not simulated in this run",
    "not run": "there is no result yet",
    "unchecked": "compiled, but there was nothing to compare it with, or no runtime runs it",
    "refused": "the compiler says which node, why, and what helps",
    "MISMATCH": "an integer differs that ought to be equal: a bug",
    "CYCLES": "all integers are equal, but a frame does not take the cycles that were predicted",
    "TIMEOUT": "did not end within the time limit",
    "CRASH": "a Python exception: a bug",
}


def verdict(result: dict[str, Any]) -> str:
    """Returns one of ORDER."""
    if result.get("status") == "not run":
        return "not run"
    if "crash" in result:
        return "CRASH"
    if result.get("status") == "refused":
        return "refused"
    if mismatches(result):
        return "MISMATCH"
    if "timeout" in result:
        return "TIMEOUT"
    if not groups(result):
        return "unchecked"
    if wrong_cycles(result):
        return "CYCLES"
    done = result.get("rtl", {}).get("status") == "done"
    return "ok" if done else "no RTL"


def groups(result: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Returns the comparisons that took place, by kind of reference."""
    found: dict[str, list[dict[str, Any]]] = {}
    for one in result.get("comparisons", []):
        if compared(one):
            found.setdefault(one["group"], []).append(one)
    return found


def compared(one: dict[str, Any]) -> bool:
    """Whether a comparison took place."""
    return not one["reason"] and one["compared"] > 0


def mismatches(result: dict[str, Any]) -> list[str]:
    """Returns what differs, in words.

    Of each kind of reference (golden data, configurations of onnxruntime, qonnx) one must be
    equal: they differ among themselves, so no design equals all of them.
    """
    found: list[str] = []
    for group, members in groups(result).items():
        if group == "front end":
            continue  # real arithmetic before the passes; the table of references shows it
        # Integer kernels are what the numerics mean; if they ran, no other runtime stands for them.
        meant = [one for one in members if _is_meant(one)]
        if group == "golden" and _decided(result) and all(map(_of_a_runtime, members)):
            continue  # what other runtimes give, none of which is the one that is meant
        if all(one["differ"] for one in meant or members):
            best = min(members, key=lambda one: one["differ"] / one["compared"])
            found.append(f"{group}: {best['differ']} of {best['compared']} ({best['against']})")
            if group == "onnxruntime" and "first_difference" in result:
                found.append(f"first difference: {result['first_difference']}")
    rtl = result.get("rtl", {})
    if rtl.get("status") == "failed" and "timeout" not in result:
        found.append(f"simulation: {rtl['reason']}")
    for name in ("mismatches", "stalled_mismatches"):
        if rtl.get(name):
            found.append(f"RTL {name.replace('_', ' ')}: {rtl[name]}")
    return found


def _of_a_runtime(one: dict[str, Any]) -> bool:
    """Whether golden data are what some runtime gave: `golden NAME`; sets have numbers."""
    return any(not word.isdigit() for word in one["against"].split()[1:])


def _is_meant(one: dict[str, Any]) -> bool:
    return "integer kernels" in one["against"]


def _decided(result: dict[str, Any]) -> bool:
    """Whether the kernels that the numerics mean ran, so that they decide."""
    return any(_is_meant(one) for one in groups(result).get("onnxruntime", []))


def wrong_cycles(result: dict[str, Any]) -> str:
    """Returns measured and predicted cycles a frame, in words, if they differ."""
    predicted = result.get("predicted_cycles")
    measured = result.get("rtl", {}).get("measured_cycles")
    if not measured or measured == predicted:
        return ""
    return f"{measured:g} cycles a frame measured, {predicted} predicted"
