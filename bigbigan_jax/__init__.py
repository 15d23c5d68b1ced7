"""BigBiGAN in JAX: image representations and unconditional generation with one adversarial model.

An implementation of Donahue & Simonyan 2019, *Large Scale Adversarial Representation Learning*
(arXiv 1907.02544).
"""

__version__ = "0.1.0"
