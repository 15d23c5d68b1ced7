"""BigBiGAN in JAX: image representations and unconditional generation with one adversarial model.

An implementation of Donahue & Simonyan 2019, *Large Scale Adversarial Representation Learning*
(arXiv 1907.02544).
"""

__version__ = "0.1.0"


def __getattr__(name: str):
    # Not imported at once: what must run before JAX is imported lies in this package too.
    if name == "load":
        from bigbigan_jax.hub import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
