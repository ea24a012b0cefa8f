# SPDX-License-Identifier: Apache-2.0
"""The random changes of the pictures in a batch of states."""

from collections.abc import Sequence
import dataclasses

import torch

from parl_policy.networks.picture_augmentation import (
    AugmentationConfig,
    augmented,
    draw_augmentation,
)
from parl_policy.observations import Observations, States


def augment_states(
    parts: Sequence[States], config: AugmentationConfig | None, generator: torch.Generator
) -> list[States]:
    """Change the pictures of parts of B states each; numbers stay as they are.

    States at the same place of each part get the same change: the two observations of a
    transition do in the authors' release.
    """
    first = parts[0]
    if config is None or not isinstance(first, Observations):
        return list(parts)
    changes = {
        camera: draw_augmentation(len(first), config, generator) for camera in first.pictures
    }
    return [
        dataclasses.replace(
            part,
            pictures={
                camera: augmented(part.pictures[camera], change)
                for camera, change in changes.items()
            },
        )
        for part in parts
        if isinstance(part, Observations)
    ]
