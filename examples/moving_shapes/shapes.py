"""Frames of shapes that move: discs, squares and triangles of 10 to 36 pixels, noise and shade.

A sequence has one to three shapes with positions, velocities and growth of their own; they bounce
at the borders and occlude each other. Everything follows from the seed.
"""

from dataclasses import dataclass

import numpy as np

SIZE = 48
CLASSES = ("disc", "square", "triangle")
_SMALLEST, _LARGEST = 10.0, 36.0


@dataclass(frozen=True)
class Box:
    """A shape in a frame: its class, middle and extents in pixels."""

    kind: int
    x: float
    y: float
    width: float
    height: float


def sequences(count, seed, frames=8):
    """Returns images uint8 [count * frames, 1, 48, 48] and the boxes of each."""
    rng = np.random.default_rng(seed)
    images, boxes = [], []
    for _ in range(count):
        for image, found in _sequence(rng, frames):
            images.append(image)
            boxes.append(found)
    return np.array(images)[:, np.newaxis], boxes


def _sequence(rng, frames):
    shapes = [_Shape(rng) for _ in range(rng.integers(1, 4))]
    shade = rng.uniform(40, 140) + rng.uniform(-0.6, 0.6) * np.arange(SIZE)
    for _ in range(frames):
        image = np.tile(shade, (SIZE, 1))
        covered = np.zeros((len(shapes), SIZE, SIZE), bool)
        for i, shape in enumerate(shapes):
            inside = shape.mask()
            image[inside] += shape.contrast
            covered[: i + 1] &= ~inside
            covered[i] = inside
        noisy = image + rng.normal(0, 5, image.shape)
        seen = [s.box() for s, mask in zip(shapes, covered, strict=True) if s.is_seen(mask)]
        yield np.clip(np.round(noisy), 0, 255).astype(np.uint8), seen
        for shape in shapes:
            shape.move()


class _Shape:
    def __init__(self, rng):
        self.kind = int(rng.integers(len(CLASSES)))
        self.size = float(np.exp(rng.uniform(np.log(_SMALLEST), np.log(_LARGEST))))
        self.aspect = float(np.exp(rng.uniform(-0.3, 0.3)))
        self.at = rng.uniform(self.size / 2, SIZE - self.size / 2, 2)
        self.velocity = rng.uniform(-2, 2, 2)
        self.growth = float(np.exp(rng.uniform(-0.04, 0.04)))
        self.contrast = float(rng.choice([-1, 1]) * rng.uniform(35, 90))

    @property
    def extents(self):
        """Height and width."""
        return np.array([self.size * self.aspect, self.size / self.aspect])

    def move(self):
        """Goes on by a frame."""
        self.at = self.at + self.velocity
        self.velocity = np.where(
            (self.at < 2) | (self.at > SIZE - 3), -self.velocity, self.velocity
        )
        self.at = np.clip(self.at, 2, SIZE - 3)
        self.size = float(np.clip(self.size * self.growth, _SMALLEST, _LARGEST))

    def mask(self):
        """Returns which pixels it covers."""
        y, x = np.mgrid[:SIZE, :SIZE]
        v, u = ((axis - at) / (extent / 2) for axis, at, extent in zip(
            (y, x), self.at, self.extents, strict=True
        ))  # fmt: skip
        if self.kind == 0:
            return u**2 + v**2 <= 1
        inside = (np.abs(u) <= 1) & (np.abs(v) <= 1)
        return inside if self.kind == 1 else inside & (np.abs(u) <= (v + 1) / 2)

    def is_seen(self, mask):
        """Says whether most of it is in the frame and not occluded."""
        height, width = self.extents
        whole = (height * width) * (np.pi / 4, 1, 0.5)[self.kind]
        return mask.sum() > 0.5 * whole

    def box(self):
        """Returns the box of the part in the frame."""
        low = np.clip(self.at - self.extents / 2, 0, SIZE)
        high = np.clip(self.at + self.extents / 2, 0, SIZE)
        (y, x), (height, width) = (low + high) / 2, high - low
        return Box(self.kind, float(x), float(y), float(width), float(height))
