# SPDX-License-Identifier: Apache-2.0
"""The observations of one episode, as a policy or critic sees them."""

import numpy as np
import torch

from parl_learner.replay.recorded_episode import RecordedEpisode
from parl_policy.observations import ObservationNeeds, Observations, States


def episode_states(episode: RecordedEpisode, needs: ObservationNeeds) -> States:
    """Return all N + 1 observations of an episode for someone with these needs."""
    numbers = torch.tensor(episode.observations)
    if needs.is_only_numbers:
        return numbers
    pictures = {
        camera: torch.from_numpy(np.stack([config.of(each) for each in episode.films[camera]]))
        for camera, config in needs.pictures.items()
    }
    return Observations(numbers, pictures, (episode.instruction,) * len(numbers))
