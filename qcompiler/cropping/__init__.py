"""Cropped networks: channels that go before training, so that what is left is small and dense.

What a network can learn, after Cai et al. (arXiv 2203.02549), follows from how dense its layers
are, not from which weights are missing: so a layer that should lose weights may as well lose
channels, which hardware gains from. The paper's rule for channels was not available to us: ours is
in `densities.shares`.
"""
