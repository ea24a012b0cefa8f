# SPDX-License-Identifier: Apache-2.0
"""The rows of the tables: files of config/experiments with settings, as users run them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from parl_learner.plan.experiment_config import ExperimentConfig
from ranking.data import Subject


@dataclass(frozen=True)
class Row:
    """A critic and how it learns; one thing is varied at a time."""

    file: str = ''
    """File of config/experiments, if not that of the table."""
    settings: tuple[str, ...] = ()
    """Settings of it, after `learning.`"""
    sees: Literal['pictures', 'positions'] = 'pictures'
    """Whether it gets the detector's object positions in place of what the policy sees."""
    eyes: Literal['experiment', 'again'] = 'experiment'
    """Waypoints as the experiment teaches them, or by practice too."""
    perturbed: float = 0.0
    """Share of a batch whose action is random and counts as the worst."""
    successes_only: bool = False
    """Whether transitions come from successful episodes alone."""


@dataclass(frozen=True)
class Table:
    """An experiment and the critics that rank its policy's actions.

    Attributes:
        subject: The experiment.
        rows: By name, in the order in which they are measured: the most important first.
        folder: Where episodes and results are kept.
    """

    subject: Subject
    rows: Mapping[str, Row]
    folder: Path

    def config(self, row: Row = Row()) -> ExperimentConfig:
        """Return the experiment as a row has it."""
        settings = [f'learning.{setting}' for setting in row.settings]
        return self.subject.config(settings, row.file)


def _own(kind: str, *settings: str) -> Row:
    """Return a row whose encoder learns with the critic, from the pictures of the policy."""
    return Row(settings=(f'critic.vision.encoder.kind={kind}', *settings))


def _best(*settings: str) -> Row:
    return Row(settings=settings, eyes='again')


_CUP = {
    'object positions': Row('cup_to_rack', ('critic.head=hl_gauss',), 'positions'),
    'object positions, mse (cup_to_rack.yaml)': Row('cup_to_rack', (), 'positions'),
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


def cup_table() -> Table:
    """Return the table of the demo from pictures."""
    return Table(Subject('observations/pictures'), _CUP, Path('runs/critic_ranking'))


def vla_table(model: Path) -> Table:
    """Return the table of OpenVLA, whose critics begin with its zero-shot episodes.

    The policy has no waypoints, so the critic's are taught by the zero-shot successes. A picture
    that is shifted or lit otherwise would go through the frozen towers again, so theirs is not.

    Args:
        model: Folder of a checkpoint.
    """
    blind = 'critic.vision=null'
    still = 'critic.vision.augmentation={shift: 0, brightness: 0.0, contrast: 0.0}'
    towers = (
        'critic.vision.encoder.backbone=parl_vla.openvla.base:towers',
        f'critic.vision.encoder.backbone_model={model}',
        still,
    )
    rows = {
        'object positions': Row('', (blind,), 'positions'),
        'blind': Row('', (blind,)),
        'waypoints (vegetable_to_plate.yaml)': Row(),
        'waypoints of the towers': Row('', towers),
        'waypoints taught again': _best(),
        'towers, taught again': _best(*towers),
        'waypoints, mse': Row('', ('critic.head=mse',)),
        'waypoints, return_weight 0.5': Row('', ('critic_trainer.return_weight=0.5',)),
        'waypoints, no augmentation': Row('', (still,)),
    }
    # As many samples as practice ranks.
    settings = (f'learning.policy.model={model}', 'learning.optimisation.samples=8')
    subject = Subject('vla/vegetable_to_plate', settings)
    return Table(subject, rows, Path('runs/critic_ranking_vla'))
