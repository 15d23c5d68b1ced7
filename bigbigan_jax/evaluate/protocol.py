"""The protocol: a model's samples against real images, and what is written beside the numbers."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from bigbigan_jax.evaluate.collecting import collect
from bigbigan_jax.evaluate.images import generated
from bigbigan_jax.evaluate.references import Reference, Shown
from bigbigan_jax.evaluate.results import Result
from bigbigan_jax.evaluate.scoring import scores_of
from bigbigan_jax.hub import Model
from bigbigan_jax.inception import InceptionFeatures
from bigbigan_jax.models.standing_statistics import GENERATOR_BATCHES


@dataclasses.dataclass(frozen=True)
class EvaluationProtocol:
    """Scores models by one protocol (arXiv 1907.02544, section 4; arXiv 1809.11096, appendix C).

    G has averaged weights and standing statistics. Its samples are rounded to bytes, as images in
    files are.

    Attributes:
      inception: gives the features.
      references: what samples are compared with.
      samples: how many; 50,000 in the papers.
      parts: of the samples, for a spread of FID and IS; 10 in the papers.
      keep: of how many samples the features are kept, for KID, precision and the like.
      seed: of z.
    """

    inception: InceptionFeatures
    references: Sequence[Reference]
    samples: int
    parts: int
    keep: int
    seed: int

    def __call__(
        self,
        model: Model,
        truncations: Sequence[float | None],
        shown: Shown,
    ) -> list[Result]:
        """Scores a model.

        Args:
          model: the model.
          truncations: of z, a set of samples each; None for none.
          shown: see `reference_of`.

        Returns:
          A result for each truncation and reference.
        """
        results = []
        for truncation in truncations:
            collected = collect(
                shown(
                    generated(model, self.samples, self.seed, truncation), self.samples, "samples"
                ),
                self.samples,
                self.inception,
                parts=self.parts,
                keep=self.keep,
            )
            results += [
                Result(
                    reference.name,
                    truncation,
                    scores_of(collected, reference),
                    self._protocol(reference, truncation),
                )
                for reference in self.references
            ]
        return results

    def of_results(self, truncations: Sequence[float | None]) -> list[dict[str, Any]]:
        """All that the numbers depend on but the model, of each result in turn."""
        return [
            self._protocol(reference, truncation)
            for truncation in truncations
            for reference in self.references
        ]

    def _protocol(self, reference: Reference, truncation: float | None) -> dict[str, Any]:
        return {
            **self.inception.about,
            "samples": self.samples,
            "parts": self.parts,
            "kept for KID and neighbours": self.keep,
            "seed": self.seed,
            "weights": "EMA",
            "BatchNorm": f"standing statistics of {GENERATOR_BATCHES} batches",
            "truncation": truncation,
            "reference": reference.about,
        }
