"""Terms to add to a loss so that what is trained becomes cheap in hardware."""

import torch
from torch import Tensor, nn

from qcompiler.train.dyadic import dyadic
from qcompiler.train.requantizer import Requantizer

_DIGITS = (1, 2, 3)


def multiplier_length(model: nn.Module) -> Tensor:
    """Returns a penalty on multipliers of many signed digits: the mean over all requantizers.

    For a scale 2**l it is the sum over k = 1, 2, 3 of 2**(1 - k) * |l - l_k|, l_k being the
    logarithm of the nearest multiplier of at most k signed digits. As with a lasso, a scale on
    which the loss does not insist goes all the way to one digit, a shift; where the loss holds it
    back, it rests at two digits, one adder, or three. Ours, not the paper's.
    """
    terms: list[Tensor] = []
    for module in model.modules():
        if isinstance(module, Requantizer):
            trained = module.scale()
            scale = trained.detach()
            for digits in _DIGITS:
                bits, most = module.multiplier_bits, module.largest_shift
                multiplier, shift = dyadic(scale, bits, digits, most)
                target = torch.log2(multiplier.double()) - shift
                distance = (torch.log2(trained) - target).abs().mean().float()
                terms.append(distance * 2.0 ** (1 - digits))
    return torch.stack(terms).mean() * len(_DIGITS) if terms else torch.zeros(())
