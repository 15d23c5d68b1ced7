"""Quick features of images of 2×2 pixels."""

import numpy as np


class PixelFeatures:
    """Stands where Inception does: 64 features and 1008 logits that are linear in the pixels."""

    outputs = (64, 1008)
    fingerprint = "linear"

    def __init__(self):
        rng = np.random.default_rng(1)
        self.maps = {width: rng.normal(size=(12, width)) for width in self.outputs}

    def __call__(self, images):
        pixels = images.reshape(len(images), -1) / 255
        return {width: np.float32(pixels @ matrix) for width, matrix in self.maps.items()}
