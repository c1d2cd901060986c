"""A detector of keypoints, W4A8: each shape is the peak of a heat map, with its size and offset.

After CenterNet and CoDeNet (arXiv 2006.08357): depthwise 3 x 3 layers, deformable in one of the
forms of `FORMS`, each with a 1 x 1 layer behind. The first and the last layer have weights of 8
bits.
"""

from dataclasses import dataclass

import numpy as np
import torch
from shapes import CLASSES, SIZE, Box
from torch import nn

from qcompiler import train

STRIDE = 4
GRID = SIZE // STRIDE
_CHANNELS = (16, 32, 48)
_BITS = 4
_LEARNING = 3
"""Places of offsets while they learn, where they have none in the end."""
_OUTPUTS = len(CLASSES) + 4


@dataclass(frozen=True)
class Form:
    """Of the offsets: whether there are any, bits and places of their codes, and squares.

    Without places they are rounded: they learn between elements, and are rounded when weights get
    their few bits.
    """

    deformable: bool = True
    bits: int = 4
    fraction: int = 0
    square: bool = False


FORMS = {
    "plain": Form(deformable=False),
    "free": Form(bits=8, fraction=3),
    "bounded": Form(bits=7, fraction=3),
    "bounded, rounded": Form(bits=4),
    "square": Form(bits=7, fraction=3, square=True),
    "square, rounded": Form(square=True),
}


class _Block(nn.Module):
    """A depthwise 3 x 3 layer, displaced or not, and a 1 x 1 layer."""

    def __init__(self, channels, outputs, form, stride=1):
        super().__init__()
        self.form = form
        same = {"groups": channels, "padding": 1}
        if form.deformable:
            fraction = form.fraction or _LEARNING
            self.depthwise = train.QuantDeformConv2d(
                channels, channels, 3, **same, square=form.square, fraction=fraction, bits=8
            )
            self.where = train.QuantConv2d(channels, self.depthwise.offset_channels, 1)
            self.offsets = train.BoundedOffsets(form.bits + fraction - form.fraction, fraction)
        else:
            self.depthwise = train.QuantConv2d(channels, channels, 3, stride, **same, bits=8)
        self.middle = train.NormRequantizer(8, channels)
        self.pointwise = train.QuantConv2d(channels, outputs, 1, bits=8)
        self.codes = train.NormRequantizer(8, outputs)

    def forward(self, x):
        inputs = (x, self.offsets(self.where(x))) if self.form.deformable else (x,)
        x = self.depthwise(*inputs)
        return self.codes(self.pointwise(self.middle(x)))

    def round_offsets(self):
        """Gives offsets the places that they shall have."""
        dropped = self.depthwise.fraction - self.form.fraction
        rounded = train.BoundedOffsets(self.form.bits, self.form.fraction)
        with torch.no_grad():
            rounded.log2_scale.copy_(self.offsets.log2_scale - dropped)
        self.offsets, self.depthwise.fraction = rounded, self.form.fraction


class Detector(train.Model):
    """Maps of [classes, size (2), offset (2)] at a quarter of the resolution.

    Weights have 8 bits until `narrow`, which gives all layers but the first and the last 4, and
    rounds offsets.
    """

    def __init__(self, form):
        super().__init__()
        first, second, third = _CHANNELS
        self.input = train.Input(8, shape=(1, SIZE, SIZE))
        self.stem = train.QuantConv2d(1, first, 3, stride=2, padding=1, bits=8)
        self.stem_codes = train.NormRequantizer(8, first)
        self.down = _Block(first, second, Form(deformable=False), stride=2)
        self.widen = _Block(second, third, Form(deformable=False))
        self.block1 = _Block(third, third, form)
        self.block2 = _Block(third, third, form)
        self.neck = train.QuantConv2d(third, third, 1, bits=8)
        self.neck_codes = train.NormRequantizer(8, third)
        self.heads = train.QuantConv2d(third, _OUTPUTS, 1, bits=8)
        self.output = train.Output()
        self.initialize()

    def narrow(self):
        """Gives weights the bits that they shall have; training goes on with them."""
        layers = (each for each in self.modules() if isinstance(each, train.QuantConv2d))
        for layer in layers:
            # What makes offsets has them from the start.
            if layer not in (self.stem, self.heads) and layer.bits > _BITS:
                layer.narrow(_BITS)
        for block in (self.block1, self.block2):
            if block.form.deformable:
                block.round_offsets()

    def forward(self, x):
        x = self.stem_codes(self.stem(self.input(x)))
        x = self.block2(self.block1(self.widen(self.down(x))))
        return self.output(self.heads(self.neck_codes(self.neck(x))))


def targets(boxes):
    """Returns heat maps, and sizes and offsets with where they count: [n, ., 12, 12] each."""
    heat = np.zeros((len(boxes), len(CLASSES), GRID, GRID), np.float32)
    places = np.zeros((len(boxes), 4, GRID, GRID), np.float32)
    counts = np.zeros((len(boxes), 1, GRID, GRID), np.float32)
    y, x = np.mgrid[:GRID, :GRID]
    for n, found in enumerate(boxes):
        for box in found:
            at = np.array([box.y, box.x]) / STRIDE
            row, column = (int(a) for a in np.clip(at, 0, GRID - 1))
            spread = max(box.width, box.height) / STRIDE / 6
            near = np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * spread**2 + 1e-6))
            heat[n, box.kind] = np.maximum(heat[n, box.kind], near)
            places[n, :, row, column] = (
                box.height / SIZE, box.width / SIZE, at[0] - row, at[1] - column,
            )  # fmt: skip
            counts[n, 0, row, column] = 1
    return tuple(torch.tensor(each) for each in (heat, places, counts))


def loss(made, heat, places, counts):
    """Returns CenterNet's loss: a focal one of the heat map, an absolute one of the rest."""
    scores = made[:, : len(CLASSES)]
    p = torch.sigmoid(scores).clamp(1e-4, 1 - 1e-4)
    right = torch.log(p) * (1 - p) ** 2 * (heat == 1)
    wrong = torch.log(1 - p) * p**2 * (1 - heat) ** 4 * (heat < 1)
    count = counts.sum().clamp(min=1)
    boxes = (made[:, len(CLASSES) :] - places).abs() * counts
    weights = torch.tensor([4.0, 4.0, 1.0, 1.0]).reshape(-1, 1, 1)
    return (-(right + wrong).sum() + (boxes * weights).sum()) / count


def detections(made, most=8):
    """Returns what maps say, per image: (score, box), best first."""
    made = np.asarray(made, np.float64)
    found = []
    for image in made:
        scores = image[: len(CLASSES)]
        around = np.pad(scores, ((0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
        shifted = [around[:, i : i + GRID, j : j + GRID] for i in range(3) for j in range(3)]
        peaks = np.where(scores >= np.max(shifted, axis=0), scores, -np.inf)
        best = np.argsort(-peaks, axis=None)[:most]
        kinds, rows, columns = np.unravel_index(best, peaks.shape)
        at = []
        for kind, row, column in zip(kinds, rows, columns, strict=True):
            height, width, down, right = image[len(CLASSES) :, row, column]
            y, x = (row + down) * STRIDE, (column + right) * STRIDE
            box = Box(int(kind), x, y, max(width, 0) * SIZE, max(height, 0) * SIZE)
            at.append((peaks[kind, row, column], box))
        found.append(at)
    return found


def average_precision(found, boxes, overlap=0.5):
    """Returns the mean over classes of the area under precision by recall (VOC, all points)."""
    areas = []
    for kind in range(len(CLASSES)):
        wanted = [[box for box in each if box.kind == kind] for each in boxes]
        taken = [[False] * len(each) for each in wanted]
        ranked = sorted(
            ((score, n, box) for n, each in enumerate(found) for score, box in each
             if box.kind == kind and np.isfinite(score)),
            key=lambda entry: -entry[0],
        )  # fmt: skip
        hits = np.array([_hit(box, wanted[n], taken[n], overlap) for _, n, box in ranked], float)
        right = np.cumsum(hits)
        recall = right / max(sum(map(len, wanted)), 1)
        precision = right / np.arange(1, len(hits) + 1)
        envelope = np.maximum.accumulate(precision[::-1])[::-1]
        areas.append(float(np.sum(np.diff(recall, prepend=0) * envelope)))
    return float(np.mean(areas))


def _hit(box, wanted, taken, overlap):
    """Says whether a box meets one that no better box has met, and marks that."""
    shares = [_shared(box, each) for each in wanted]
    best = int(np.argmax(shares)) if shares else -1
    if best < 0 or shares[best] < overlap or taken[best]:
        return False
    taken[best] = True
    return True


def _shared(a, b):
    """Returns intersection over union."""
    extents = []
    for middle, length in (("x", "width"), ("y", "height")):
        ends = [
            (getattr(box, middle) - getattr(box, length) / 2,
             getattr(box, middle) + getattr(box, length) / 2) for box in (a, b)
        ]  # fmt: skip
        extents.append(max(0.0, min(e[1] for e in ends) - max(e[0] for e in ends)))
    both = extents[0] * extents[1]
    return both / max(a.width * a.height + b.width * b.height - both, 1e-9)
