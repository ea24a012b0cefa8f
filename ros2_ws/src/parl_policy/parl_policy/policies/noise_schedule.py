# SPDX-License-Identifier: Apache-2.0
"""Cosine noise schedule of denoising diffusion (Nichol & Dhariwal 2021, Eq. 17)."""

import numpy as np


def cosine_betas(steps: int, offset: float = 0.008, max_beta: float = 0.999) -> np.ndarray:
    """Return the variance of the noise added at each diffusion step, first step first.

    Returns:
        (steps,) beta_t = 1 - abar(t+1)/abar(t), at most `max_beta`;
        abar(t) = cos²((t/steps + offset)/(1 + offset) · pi/2).
    """
    grid = (np.arange(steps + 1) / steps + offset) / (1.0 + offset)
    alpha_bar = np.cos(grid * np.pi / 2.0) ** 2
    return np.minimum(1.0 - alpha_bar[1:] / alpha_bar[:-1], max_beta)
