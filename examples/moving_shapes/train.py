"""Trains the detector in all forms and seeds asked for, and writes the models.

    python examples/moving_shapes/train.py                      # the shipped model
    python examples/moving_shapes/train.py --all --seeds 0 1 2  # the table of docs/deformable.md

Needs the extra `train`. A form takes some minutes on one core.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from detector import FORMS, Detector, average_precision, detections, loss, targets
from shapes import sequences

from qcompiler import train

HERE = Path(__file__).parent
_SEQUENCES, _FRAMES, _TESTED = 3000, 2, 200
_EPOCHS, _BATCH, _RATE = 8, 32, 1.5e-2


def trained(form, seed, epochs=_EPOCHS):
    """Returns a detector that has learned."""
    torch.manual_seed(seed)
    model = Detector(form)
    with torch.no_grad():
        # It begins with what nothing looks like anything to, not with what noise looks like.
        model.heads.bias[:3] = -2.0 / model.heads.bias_unit / model.output.scale
        model.heads.weight.mul_(0.1)
    # A power of two that is trained moves all maps at once by a factor of two.
    model.output.log2_scale.requires_grad_(False)
    images, boxes = sequences(_SEQUENCES, seed, _FRAMES)
    x, wanted = torch.tensor(images, dtype=torch.float32), targets(boxes)
    for stage, (rate, count) in enumerate(((_RATE, epochs), (_RATE / 4, -(-epochs // 2)))):
        if stage:
            model.narrow()  # the weights that have learned at 8 bits
        # The first batches' gradients are large: they are bounded, and soon forgotten.
        optimizer = torch.optim.Adam(model.parameters(), lr=rate, betas=(0.9, 0.98))
        steps = count * -(-len(x) // _BATCH)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
        for epoch in range(count):
            total = 0.0
            for batch in torch.randperm(len(x)).split(_BATCH):
                optimizer.zero_grad()
                value = loss(model(x[batch]), *(each[batch] for each in wanted))
                value.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 2.0)
                optimizer.step()
                schedule.step()
                total += value.item() * len(batch)
            print(f"  epoch {epoch + 1} of {count}: loss {total / len(x):.3f}", flush=True)
        found = precision(model.eval())
        print(f"  weights of {4 if stage else 8} bits: AP50 {found:.3f}", flush=True)
        model.train()
    return model.eval()


def precision(model, seed=1000):
    """Returns the average precision on sequences that were not trained on, in integers."""
    images, boxes = sequences(_TESTED, seed, _FRAMES)
    made = train.fixed(model, images.astype(np.float32)).numbers
    return average_precision(detections(made), boxes)


def main():
    """Trains, tests and writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="all forms, nothing written but results")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--epochs", type=int, default=_EPOCHS)
    parsed = parser.parse_args()
    torch.set_num_threads(1)
    results = {}
    for name in FORMS if parsed.all else ["square, rounded"]:
        for seed in parsed.seeds:
            print(f"{name}, seed {seed}", flush=True)
            model = trained(FORMS[name], seed, parsed.epochs)
            results.setdefault(name, []).append(precision(model))
            print(f"{name}, seed {seed}: AP50 {results[name][-1]:.3f}", flush=True)
    if parsed.all:
        path = HERE / "precision.json"
        path.write_text(json.dumps({"seeds": parsed.seeds, "AP50": results}, indent=1) + "\n")
        return
    train.export(model, HERE / "detector.onnx")
    images, _ = sequences(4, 2000)
    outputs = train.fixed(model, images.astype(np.float32)).numbers
    np.savez_compressed(
        HERE / "test_vectors.npz", inputs=images, outputs=outputs.astype(np.float32)
    )


if __name__ == "__main__":
    main()
