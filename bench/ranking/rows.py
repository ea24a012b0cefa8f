# SPDX-License-Identifier: Apache-2.0
"""The rows of the table: files of config/experiments with settings, as users run them."""

from dataclasses import dataclass
from typing import Literal

from ranking.data import PICTURES

STATE = 'cup_to_rack'


@dataclass(frozen=True)
class Row:
    """A critic and how it learns; one thing is varied at a time."""

    file: str = PICTURES
    """File of config/experiments."""
    settings: tuple[str, ...] = ()
    """Settings of it, after `learning.`"""
    eyes: Literal['policy', 'again'] = 'policy'
    """Waypoints of the policy's encoder, or of one that practice has taught too."""
    perturbed: float = 0.0
    """Share of a batch whose action is random and counts as the worst."""
    successes_only: bool = False
    """Whether transitions come from successful episodes alone."""


def _own(kind: str, *settings: str) -> Row:
    """Return a row whose encoder learns with the critic, from the pictures of the policy."""
    return Row(settings=(f'critic.vision.encoder.kind={kind}', *settings))


def _best(*settings: str) -> Row:
    return Row(settings=settings, eyes='again')


ROWS = {
    'object positions': Row(STATE, ('critic.head=hl_gauss',)),
    'object positions, mse (cup_to_rack.yaml)': Row(STATE),
    'blind': Row(settings=('critic.vision=null',)),
    'waypoints of the policy (pictures.yaml)': Row(),
    'waypoints taught again': _best(),
    'resnet, mse (pixels.yaml)': Row('observations/pixels'),
    'keypoints': _own('keypoints', 'critic.vision.encoder.keypoints=16'),
    'again, mse': _best('critic.head=mse'),
    'waypoints of the policy, mse': Row(settings=('critic.head=mse',)),
    'blind, mse': Row(settings=('critic.vision=null', 'critic.head=mse')),
    'again, action once': _best('critic.action_at_every_layer=false'),
    'again, return_weight 1': _best('critic_trainer.return_weight=1'),
    'again, return_weight 0.5': _best('critic_trainer.return_weight=0.5'),
    'again, return_weight 0': _best('critic_trainer.return_weight=0'),
    'again, cql_weight 0': _best('critic_trainer.cql_weight=0'),
    'again, cql_weight 0.05': _best('critic_trainer.cql_weight=0.05'),
    'again, successes only': Row(eyes='again', successes_only=True),
    'again, perturbed 0.1': Row(eyes='again', perturbed=0.1),
    'again, perturbed 0.25': Row(eyes='again', perturbed=0.25),
    'again, 2 members': _best('critic.members=2'),
    'again, 10 members': _best('critic.members=10'),
    'convolutions': _own('convolutions'),
    'keypoints, no shift': _own(
        'keypoints',
        'critic.vision.encoder.keypoints=16',
        'critic.vision.augmentation.shift=0',
    ),
    'resnet': _own('resnet', 'critic.vision.encoder.widths=[16, 32, 64, 128]'),
}
"""In the order in which they are measured: the most important first."""
