"""One training step of BiGAN (arXiv 1605.09782, section 3.4), and of the baselines of its table.

    on one batch of images x:
        ẑ = E(x),  z ~ P_z,  x̂ = G(z)
        D descends on its cross-entropy between the pairs (x, ẑ) and (x̂, z)
        E and G descend, together, on the same with the labels swapped
    all three at once: each sees the others as they were before.

The baselines differ in what E and G descend on and in what D scores:

    gan                       D and G alone, on x and x̂
    latent_regressor          D and G as there; E on the cross-entropy of E(x̂) and z
    joint_latent_regressor    E and G, together, on a quarter of that; G on its own loss besides
    autoencoder_l2, _l1       E and G on the distance of x and G(E(x)), without D

An update whose losses or gradients are not finite changes nothing.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from bigbigan_jax.models.encoder import Encoding
from bigbigan_jax.models.images import scale_images
from bigbigan_jax.models.networks import Networks
from bigbigan_jax.training.bigan_objective import (
    JOINT_WEIGHT,
    discriminator_loss,
    encoder_generator_loss,
    generator_loss,
    latent_loss,
    reconstruction_loss,
)
from bigbigan_jax.training.objective import Scores
from bigbigan_jax.training.random_streams import stream
from bigbigan_jax.training.state import TrainState
from bigbigan_jax.training.step_metrics import (
    Metrics,
    discriminator_metrics,
    encoder_generator_metrics,
    gradient_norms,
)
from bigbigan_jax.training.updates import (
    all_finite,
    count_step,
    descend,
    follow_with_average,
    keep_statistics,
)

Params = Mapping[str, Any]
_MUTABLE = ["batch_stats"]


@dataclasses.dataclass(frozen=True)
class SimultaneousStep:
    """The update (state, batch, key) -> (state, metrics) of given networks and optimisers.

    Attributes:
      networks: G, and E and D where the objective has them.
      optimizers: one of each network.
      objective: a key of `bigbigan_jax.config.model_checks.OBJECTIVES`.
      ema_decay: of the averages of the weights of E and G; 0 for none.
    """

    networks: Networks
    optimizers: Mapping[str, optax.GradientTransformation]
    objective: str
    ema_decay: float
    parts = 1  # batches are never taken in parts

    def __call__(
        self, state: TrainState, batch: Mapping[str, jax.Array], key: jax.Array
    ) -> tuple[TrainState, Metrics]:
        """One step.

        Args:
          state: the state before; to be donated.
          batch: "image" [1, B, H, W, C], uint8, or float32 in [-1, 1].
          key: the key of the run, the same at every step.

        Returns:
          The state after, and scalars by name.
        """
        x = scale_images(batch["image"][0])
        key = stream(key, "step", state.step)

        def losses(params: Params) -> tuple[tuple[jax.Array, jax.Array], tuple[Metrics, Params]]:
            players = _Players(self.networks, state, params, key)
            of_d, of_eg, metrics = _OBJECTIVES[self.objective](players, x)
            return (of_d, of_eg), (metrics, players.updated)

        # Both gradients come from one forward pass.
        _, pull, (metrics, updated) = jax.vjp(losses, dict(state.params), has_aux=True)
        one, zero = jnp.ones(()), jnp.zeros(())
        (of_d,), (of_eg,) = pull((one, zero)), pull((zero, one))
        gradients = {net: (of_d if net == "discriminator" else of_eg)[net] for net in state.params}
        metrics |= gradient_norms(gradients)

        def move(state: TrainState) -> TrainState:
            state = descend(state, self.optimizers, gradients, ok=True)
            if self.ema_decay:
                state = follow_with_average(state, self.ema_decay, ok=True)
            return keep_statistics(state, updated, ok=True)

        # A branch, not a choice by element: on a CPU the optimisers take a quarter of the time.
        ok = all_finite(metrics)
        state = count_step(jax.lax.cond(ok, move, lambda state: state, state), ok)
        return state, metrics | {
            "skipped": state.skipped,
            "skipped_in_a_row": state.skipped_in_a_row,
        }


class _Players:
    """The networks in one step, with what their statistics became.

    Real and generated images pass D apart, and so are normalised apart (section 4.1), unless the
    networks want `pairs_together`.
    """

    def __init__(self, networks: Networks, state: TrainState, params: Params, key: jax.Array):
        self.networks, self.updated = networks, {}
        self._state, self._params, self._key = state, params, key

    def sample_z(self, count: int) -> jax.Array:
        return self.networks.sample_z(stream(self._key, "z"), count)

    def generate(self, z: jax.Array) -> jax.Array:
        return self._apply("generator", z).astype(jnp.float32)

    def encode(self, x: jax.Array) -> tuple[jax.Array, Encoding]:
        """ẑ ~ E(x), and what it is drawn from."""
        encoding = self._apply("encoder", x)
        return encoding.sample(stream(self._key, "epsilon")), encoding

    def scores(
        self, x: jax.Array, z_hat: jax.Array, x_hat: jax.Array, z: jax.Array
    ) -> tuple[Scores, Scores]:
        """D's of the real pairs (x, ẑ) and of the generated ones (x̂, z)."""
        x = self.networks.pool_for_discriminator(x)
        if self.networks.pairs_together:
            pairs = jnp.concatenate([x, x_hat]), jnp.concatenate([z_hat, z])
            both = self._apply("discriminator", *pairs, rngs="both")
            real = {term: scores[: len(x)] for term, scores in both.items()}
            return real, {term: scores[len(x) :] for term, scores in both.items()}
        generated = self._apply("discriminator", x_hat, z, rngs="generated")
        return self._apply("discriminator", x, z_hat, rngs="real"), generated

    def _apply(self, network: str, *inputs: jax.Array, rngs: str = "") -> Any:
        result, self.updated[network] = getattr(self.networks, network).apply(
            {**self._state.variables(network), "params": self._params[network]},
            *inputs,
            train=True,
            mutable=_MUTABLE,
            rngs={"dropout": stream(self._key, f"dropout {rngs}")},
        )
        return result


def _bigan(players: _Players, x: jax.Array) -> tuple[jax.Array, jax.Array, Metrics]:
    z = players.sample_z(len(x))
    z_hat, _ = players.encode(x)
    real, generated = players.scores(x, z_hat, players.generate(z), z)
    return _game(real, generated, encoder_generator_loss(real, generated))


def _gan(players: _Players, x: jax.Array) -> tuple[jax.Array, jax.Array, Metrics]:
    z = players.sample_z(len(x))
    real, generated = players.scores(x, z, players.generate(z), z)  # D looks at no z
    return _game(real, generated, generator_loss(generated))


def _latent_regressor(
    players: _Players, x: jax.Array, joint: bool
) -> tuple[jax.Array, jax.Array, Metrics]:
    z = players.sample_z(len(x))
    x_hat = players.generate(z)
    real, generated = players.scores(x, z, x_hat, z)
    of_d, of_g, metrics = _game(real, generated, generator_loss(generated))
    _, encoding = players.encode(x_hat if joint else jax.lax.stop_gradient(x_hat))
    of_e = latent_loss(encoding.z_logits, z)
    return of_d, of_g + (JOINT_WEIGHT if joint else 1) * of_e, metrics | {"loss/E": of_e}


def _autoencoder(
    players: _Players, x: jax.Array, norm: str
) -> tuple[jax.Array, jax.Array, Metrics]:
    z_hat, _ = players.encode(x)
    loss = reconstruction_loss(x, players.generate(z_hat), norm)
    return jnp.zeros(()), loss, {"loss/EG": loss}


def _game(
    real: Scores, generated: Scores, of_eg: dict[str, jax.Array]
) -> tuple[jax.Array, jax.Array, Metrics]:
    of_d = discriminator_loss(real, generated)
    metrics = discriminator_metrics(of_d, real, generated) | encoder_generator_metrics(of_eg)
    return sum(of_d.values()), sum(of_eg.values()), metrics


_OBJECTIVES = {
    "bigan": _bigan,
    "gan": _gan,
    "latent_regressor": lambda players, x: _latent_regressor(players, x, joint=False),
    "joint_latent_regressor": lambda players, x: _latent_regressor(players, x, joint=True),
    "autoencoder_l2": lambda players, x: _autoencoder(players, x, "l2"),
    "autoencoder_l1": lambda players, x: _autoencoder(players, x, "l1"),
}
