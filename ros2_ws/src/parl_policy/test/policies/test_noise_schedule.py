# SPDX-License-Identifier: Apache-2.0
import numpy as np

from parl_policy.policies.noise_schedule import cosine_betas


def test_five_steps():
    betas = cosine_betas(5)
    np.testing.assert_allclose(betas, [0.1013, 0.2795, 0.4736, 0.7241, 0.999], atol=5e-5)
    # Products of the rounded (1 - beta) above, as published with them.
    alpha_bars = np.cumprod(1.0 - betas)
    np.testing.assert_allclose(alpha_bars[:4], [0.8987, 0.6475, 0.3408, 0.0940], atol=5e-5)
    np.testing.assert_allclose(alpha_bars[4], 9.4e-5, atol=5e-7)


def test_one_step_is_almost_all_noise():
    np.testing.assert_allclose(cosine_betas(1), [0.999])
