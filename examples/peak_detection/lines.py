"""Synthetic scan lines of a laser triangulation sensor, with the noise of a camera; seeded.

A line is [width] pixels of 8 bits. On a background with a slope stand up to six peaks, whose
centres are anywhere between pixels. A peak is a Gaussian, or a laser line on a surface that light
enters: beside it, on the side away from the laser, stands what is scattered back, more or less of
it. The centre is that of the line itself. Photons are counted (Poisson), the amplifier adds noise
(Gaussian), and what is above 255 saturates.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WIDTH = 256
MOST_PEAKS = 6
FULL = 255.0
READ_NOISE = 3.0
AMPLITUDES = 30.0, 500.0
SIGMAS = 1.0, 2.0
_APART = 8.0
_EDGE = 8.0
MARGIN = 6
"""Pixels at each end of a line that nobody looks at: no peak stands less than `_EDGE` from it."""

Reals = NDArray[np.float64]


@dataclass(frozen=True)
class Lines:
    """Scan lines and the truth about them.

    Attributes:
        pixels: [N, WIDTH], integers from 0 to 255.
        clean: expected values without saturation, [N, WIDTH].
        slopes: derivative of `clean` by the centre of each peak, [N, most peaks, WIDTH].
        centres: [N, most peaks]; NaN where there is no peak.
    """

    pixels: Reals
    clean: Reals
    slopes: Reals
    centres: Reals


def make_lines(count: int, seed: int, peaks: tuple[int, int] = (0, MOST_PEAKS)) -> Lines:
    """Returns `count` random lines; `peaks` are the fewest and the most of one."""
    random = np.random.default_rng(seed)
    at = np.arange(WIDTH)
    background = random.uniform(4, 20, (count, 1)) + random.uniform(-0.03, 0.03, (count, 1)) * (
        at - WIDTH / 2
    )
    centres = _centres(random, count, peaks)
    low, high = np.log(AMPLITUDES)
    amplitude = np.exp(random.uniform(low, high, centres.shape))
    sigma = random.uniform(*SIGMAS, centres.shape)
    scattered = random.uniform(0.1, 0.5, centres.shape) * (random.random(centres.shape) < 0.5)
    distance = at - centres[..., None]
    raised, slopes = _profile(
        distance, amplitude[..., None], sigma[..., None], scattered[..., None]
    )
    there = ~np.isnan(centres)[..., None]
    raised, slopes = np.where(there, raised, 0), np.where(there, slopes, 0)
    clean = np.maximum(background, 0.5) + raised.sum(axis=1)
    seen = random.poisson(clean) + random.normal(0, READ_NOISE, clean.shape)
    return Lines(np.clip(np.rint(seen), 0, FULL), clean, slopes, centres)


def _profile(x: Reals, amplitude: Reals, sigma: Reals, scattered: Reals) -> tuple[Reals, Reals]:
    """Returns peaks, and their derivatives by the centre.

    What is scattered is a Gaussian of twice the width, twice sigma to the right.
    """
    other = (x - 2 * sigma) / 2
    line, beside = np.exp(-0.5 * (x / sigma) ** 2), np.exp(-0.5 * (other / sigma) ** 2)
    value = amplitude * (line + scattered * beside)
    slope = amplitude / sigma**2 * (x * line + scattered * other / 2 * beside)
    return value, slope


def _centres(random: np.random.Generator, count: int, allowed: tuple[int, int]) -> Reals:
    """Returns centres at least `_APART` pixels from each other, in order."""
    fewest, most = allowed
    centres = np.full((count, most), np.nan)
    for row, peaks in zip(centres, random.integers(fewest, most + 1, count), strict=True):
        free = WIDTH - 2 * _EDGE - _APART * max(peaks - 1, 0)
        places = np.sort(random.uniform(0, free, peaks)) + _APART * np.arange(peaks)
        row[:peaks] = _EDGE + places
    return centres


def cramer_rao(lines: Lines) -> Reals:
    """Returns the least variance of any unbiased estimate of each centre, [N, most peaks].

    All but the centre is taken as known, which no estimator knows: so it bounds all of them.
    Counted is what pixels tell that are expected below saturation, of a Gaussian of the noise's
    variance: photons, amplifier, rounding.
    """
    variance = lines.clean + READ_NOISE**2 + 1 / 12
    told = np.where(lines.clean < FULL, 1 / variance, 0)
    information = (lines.slopes**2 * told[:, None]).sum(axis=2)
    # Where a Poisson's variance follows the centre, it tells a little of it, too.
    information += 0.5 * (lines.slopes**2 * (told**2)[:, None]).sum(axis=2)
    with np.errstate(divide="ignore"):
        return np.where(np.isnan(lines.centres), np.nan, 1 / information)
