# SPDX-License-Identifier: Apache-2.0
"""The random changes of the pictures in a batch."""

import dataclasses

import torch

from parl_policy.networks.picture_augmentation import AugmentationConfig, draw_shifts, shift_images
from parl_policy.observations import Observations, States


def augmented(states: States, config: AugmentationConfig, generator: torch.Generator) -> States:
    """Return B states with changed pictures; numbers stay as they are."""
    return augmented_together([states], config, generator)[0]


def augmented_together(
    parts: list[States], config: AugmentationConfig, generator: torch.Generator
) -> list[States]:
    """Return parts of B states each; states at the same place of each part change in the same way.

    A transition's two observations get the same change, as in the authors' release.
    """
    first = parts[0]
    if not isinstance(first, Observations):
        return parts
    pictures: list[dict[str, torch.Tensor]] = [{} for _ in parts]
    for camera in first.pictures:
        shifts = draw_shifts(len(first), generator, config.shift)
        for part, changed in zip(parts, pictures, strict=True):
            assert isinstance(part, Observations)
            changed[camera] = shift_images(part.pictures[camera], shifts)
    return [
        dataclasses.replace(part, pictures=changed)
        for part, changed in zip(parts, pictures, strict=True)
        if isinstance(part, Observations)
    ]
