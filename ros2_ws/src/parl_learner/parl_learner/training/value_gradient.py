# SPDX-License-Identifier: Apache-2.0
"""Policy losses that follow the critic's gradient through the policy's own samples."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True, kw_only=True)
class ValueGradientConfig:
    """Terms of the loss; the defaults climb Q and do nothing else."""

    target_entropy: float | None = None
    """Entropy [nat] at which a learned temperature holds the policy; -D in SAC, None: no term.

    It needs a policy class that knows its log-probabilities.
    """
    imitation_weight: float = 0.0
    """Weight of the policy's supervised loss on the data, beside Q.

    In Diffusion-QL Q has weight η, and the loss is a mean over the action's D numbers. Here the
    loss is a sum and Q has weight 1, so the weight is 1/(D · η). Its code has η from 0.005
    (kitchen) to 4.5 (AntMaze): one weight does not fit all tasks.
    """
    normalise_values: bool = False
    """Whether Q is divided by its mean magnitude in the batch, as in Diffusion-QL."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if self.imitation_weight < 0.0:
            raise ValueError(f'imitation_weight must be >= 0: {self.imitation_weight}')


def value_gradient_loss(values: torch.Tensor, is_normalised: bool) -> torch.Tensor:
    """Return -mean Q (), divided by mean |Q| if normalised (arXiv 2208.06193, Sec. 3.3).

    Args:
        values: (B,) Q of reparameterised samples.
        is_normalised: Whether Q is divided by its mean magnitude.
    """
    scale = values.detach().abs().mean().clamp(min=1e-6) if is_normalised else 1.0
    return -values.mean() / scale


def temperature_loss(
    log_temperature: torch.Tensor, log_probs: torch.Tensor, target_entropy: float
) -> torch.Tensor:
    """Return SAC's loss () of the temperature (arXiv 1812.05905, Eq. 18).

    A gradient step raises the temperature while the policy's entropy is too small.

    Args:
        log_temperature: () log α.
        log_probs: (B,) of the policy's samples; no gradient flows to them.
        target_entropy: [nat].
    """
    return -(log_temperature.exp() * (log_probs.detach() + target_entropy)).mean()
