"""Detectors that people use, and what all detectors are measured by.

A detector makes of lines [N, WIDTH] for each pixel a score and a position. Peaks are the pixels
whose score is the largest around and above a threshold. That is set for all detectors alike, on
other lines: as many false peaks a line.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from lines import MARGIN, Lines, Reals, cramer_rao
from numpy.lib.stride_tricks import sliding_window_view

Detector = Callable[[Reals], tuple[Reals, Reals]]
"""Scores and positions of all pixels of lines, [N, WIDTH] each."""

FALSE_PEAKS = 0.01
"""False peaks a line at which detectors are compared."""
_AROUND = 4
_NEAR = 1.0


def _filtered(pixels: Reals, taps: Reals) -> Reals:
    half = len(taps) // 2
    padded = np.pad(pixels, ((0, 0), (half, half)), mode="edge")
    return sliding_window_view(padded, len(taps), axis=1) @ taps


def _smooth(pixels: Reals, sigma: float = 1.5) -> Reals:
    x = np.arange(-5, 6)
    taps = np.exp(-0.5 * (x / sigma) ** 2)
    return _filtered(pixels, taps / taps.sum())


def _raised(pixels: Reals) -> Reals:
    """Returns pixels without the background, the median of a line."""
    return pixels - np.median(pixels, axis=1, keepdims=True)


def argmax(pixels: Reals) -> tuple[Reals, Reals]:
    """The brightest pixel."""
    return _raised(pixels), np.broadcast_to(np.arange(pixels.shape[1]), pixels.shape)


def centre_of_mass(pixels: Reals) -> tuple[Reals, Reals]:
    """The mean place around the largest smoothed pixel, by what is above the background."""
    weights = np.maximum(_raised(pixels), 0)
    x = np.arange(-_AROUND, _AROUND + 1)
    mass = _filtered(weights, np.ones(len(x)))
    moment = _filtered(weights, x.astype(np.float64))
    offset = moment / np.maximum(mass, 1)
    return _smooth(_raised(pixels)), np.arange(pixels.shape[1]) + offset


def parabola(pixels: Reals) -> tuple[Reals, Reals]:
    """The vertex of a parabola through the largest smoothed pixel and its neighbours."""
    y = _smooth(_raised(pixels))
    left, right = np.roll(y, 1, axis=1), np.roll(y, -1, axis=1)
    bend = left - 2 * y + right
    offset = np.clip(0.5 * (left - right) / np.where(bend < 0, bend, -1), -1, 1)
    return y, np.arange(pixels.shape[1]) + offset


def zero_crossing(pixels: Reals) -> tuple[Reals, Reals]:
    """The zero of a smoothed derivative (Blais and Rioux, 1986), linear between pixels."""
    x = np.arange(-4, 5)
    slope = _filtered(pixels, x * np.exp(-0.5 * (x / 2.0) ** 2))  # rises before a peak, then falls
    after = np.roll(slope, -1, axis=1)
    crosses = (slope > 0) & (after <= 0)
    share = slope / np.where(crosses, slope - after, 1)
    score = np.where(crosses, slope - after, 0)
    return score, np.arange(pixels.shape[1]) + np.where(crosses, share, 0)


BASELINES: dict[str, Detector] = {
    "argmax": argmax,
    "centre of mass": centre_of_mass,
    "parabola": parabola,
    "FIR zero crossing": zero_crossing,
}


@dataclass(frozen=True)
class Result:
    """How a detector does.

    Attributes:
        error: root mean square of the position, in pixels, of the peaks that were found, or NaN.
        bound: the same of the Cramer-Rao bound, of the same peaks.
        rate: share of the peaks that were found.
        false_peaks: a line.
    """

    error: float
    bound: float
    rate: float
    false_peaks: float


def candidates(scores: Reals) -> Reals:
    """Returns scores where they are the largest around, minus infinity elsewhere.

    The `MARGIN` outer pixels of a line are left out, whatever the detector.
    """
    scores = np.array(scores, dtype=np.float64)
    scores[:, :MARGIN] = scores[:, -MARGIN:] = -np.inf
    padded = np.pad(scores, ((0, 0), (_AROUND, _AROUND)), constant_values=-np.inf)
    largest = sliding_window_view(padded, 2 * _AROUND + 1, axis=1).max(axis=2)
    earlier = sliding_window_view(padded, _AROUND, axis=1).max(axis=2)[:, : scores.shape[1]]
    return np.where((scores == largest) & (scores > earlier), scores, -np.inf)


def measure(detector: Detector, lines: Lines, calibration: Lines) -> Result:
    """Returns how a detector does on lines; its threshold is set on others."""
    threshold = _threshold(detector, calibration)
    scores, positions = detector(lines.pixels)
    found = np.where(candidates(scores) > threshold, positions, np.nan)
    near, false = _matched(found, lines.centres)
    seen = ~np.isnan(near)
    error = near - lines.centres
    peaks = ~np.isnan(lines.centres)
    if not seen.any():
        return Result(float("nan"), float("nan"), 0.0, float(false.mean()))
    return Result(
        float(np.sqrt(np.mean(error[seen] ** 2))),
        float(np.sqrt(np.mean(cramer_rao(lines)[seen]))),
        float(seen.sum() / peaks.sum()),
        float(false.mean()),
    )


def _matched(found: Reals, centres: Reals) -> tuple[Reals, Reals]:
    """Returns the position found near each centre, else NaN; and how many others each line has."""
    distance = np.abs(found[:, None, :] - centres[..., None])
    distance = np.where(np.isnan(distance), np.inf, distance)
    at = distance.argmin(axis=2)
    near = np.take_along_axis(found, at, axis=1)
    near = np.where(distance.min(axis=2) < _NEAR, near, np.nan)
    return near, (~np.isnan(found)).sum(axis=1) - (~np.isnan(near)).sum(axis=1)


def _threshold(detector: Detector, lines: Lines) -> float:
    """Returns the least threshold at which there are at most FALSE_PEAKS false peaks a line."""
    scores, positions = detector(lines.pixels)
    best = candidates(scores)
    distance = np.abs(positions[:, None, :] - lines.centres[..., None])
    true = (np.where(np.isnan(distance), np.inf, distance) < 2 * _NEAR).any(axis=1)
    false = np.sort(best[~true & np.isfinite(best)])[::-1]
    return float(false[int(FALSE_PEAKS * len(best))])
