# SPDX-License-Identifier: Apache-2.0
"""The episodes that critics learn from: played by the product, kept as its files."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
import dataclasses
from dataclasses import dataclass
from pathlib import Path

from in_process.experiment import run_on_stations
import numpy as np
import torch

from parl_files.artifact_store import ArtifactStore
from parl_files.episode import Episode, Purpose
from parl_files.episode_library import EpisodeLibrary
from parl_files.yaml_file import load_yaml
from parl_learner.plan.experiment_config import ExperimentConfig, load_experiment
from parl_learner.replay.replay import Batch, Replay
from parl_policy.observations import ObservationNeeds
from ranking.branching_station import BranchingStation
from widowx_sim.scripted_expert import ExpertConfig

CONFIG = Path(__file__).parents[2] / 'ros2_ws/src/widowx_bringup/config'


@dataclass(frozen=True)
class Subject:
    """The experiment whose policy acts, and whose episodes critics learn from."""

    file: str
    """File of config/experiments."""
    settings: tuple[str, ...] = ()

    def config(self, settings: Sequence[str] = (), file: str = '') -> ExperimentConfig:
        """Read it with more settings, or another file with all of them."""
        path = CONFIG / f'experiments/{file or self.file}.yaml'
        return load_experiment(path, (*self.settings, *settings))


def new_station(config: ExperimentConfig, folder: Path | None = None) -> BranchingStation:
    """Make the station of an experiment, which keeps object positions in a folder."""
    positions = None if folder is None else folder / 'positions'
    return BranchingStation(CONFIG / f'tasks/{config.task}.yaml', config.cameras, positions)


def play(
    subject: Subject, folder: Path, seed: int, episodes: int, say: Callable[[str], None]
) -> None:
    """Play the experiment's first episodes, and let its first policy practise without learning.

    What is there is kept.
    """
    settings = (
        'learning.method=frozen',
        'gate_episodes=0',
        f'seed={seed}',
        f'practice_episodes={episodes}',
        f'warm_up_episodes={episodes}',
        'evaluation_episodes=1',
    )
    noise = load_yaml(CONFIG / 'demonstrator.yaml')['/**/demonstrator']['ros__parameters']
    config = subject.config(settings)
    with closing(new_station(config, folder)) as station:
        run_on_stations(config, {config.task: station}, ExpertConfig(**noise), folder, say)


def policy_file(folder: Path) -> Path:
    """Return the weights of the policy that practised, which are those of the first version."""
    store = ArtifactStore(folder / 'artifacts')
    return store.path(store.list('policy')[0].name)


def recorded(folder: Path, purpose: Purpose) -> list[Episode]:
    """Return the episodes of a purpose in the order in which they were played."""
    library = EpisodeLibrary(ArtifactStore(folder / 'artifacts'), print)
    library.refresh()
    return [library.named(name) for name in library.completed(purpose).values()]


@dataclass(frozen=True)
class Recordings:
    """The same episodes twice, row by row: as the camera and as the detector saw them.

    Attributes:
        pictures: Numbers of the arm (M, 8), and pictures.
        positions: Numbers (M, O) with object positions.
    """

    pictures: Replay
    positions: Replay


def recordings(
    folder: Path, episodes: Sequence[Episode], seen: Iterable[ObservationNeeds], discount: float
) -> Recordings:
    """Put episodes in replays; `seen` says which pictures are needed."""
    first = np.load(folder / f'positions/{episodes[0].episode_id}.npy')
    both = Recordings(
        Replay(episodes[0].observations.shape[1], 7, discount, seen=seen, folder=folder),
        Replay(first.shape[1], 7, discount),
    )
    for episode in episodes:
        both.pictures.add(episode)
        beside = np.load(folder / f'positions/{episode.episode_id}.npy')
        names = [f'number {number}' for number in range(beside.shape[1])]
        both.positions.add(
            dataclasses.replace(episode, observations=beside, observation_names=names, films={})
        )
    return both


class PerturbedReplay(Replay):
    """Copy of a replay that draws some random actions as if they had the worst return."""

    def __init__(self, replay: Replay, share: float) -> None:
        """Take over the data of a replay; `share` of a batch are such actions."""
        vars(self).update(vars(replay))
        self._share = share

    def draw(self, size: int, mixing_ratio: float | None, generator: torch.Generator) -> Batch:
        """Draw a batch as `Replay.draw`."""
        batch = super().draw(size, mixing_ratio, generator)
        chosen = torch.rand(size, generator=generator) < self._share
        noise = torch.rand(batch.actions.shape, generator=generator) * 2.0 - 1.0
        noise[:, -1] = noise[:, -1].sign()
        worst = -1.0 / (1.0 - self.discount)
        return dataclasses.replace(
            batch,
            actions=torch.where(chosen.unsqueeze(1), noise, batch.actions),
            rewards=torch.where(chosen, worst, batch.rewards),
            discounts=torch.where(chosen, 0.0, batch.discounts),
            returns=torch.where(chosen, worst, batch.returns),
        )


def successes_of(replay: Replay) -> Replay:
    """Return a copy of a replay with the same rows, that draws from successful episodes alone."""
    kept = torch.nonzero(replay._columns['success'] > 0.5).squeeze(1)
    copy = PerturbedReplay(replay, 0.0)
    copy._rows, copy._next_rows = replay._rows[kept], replay._next_rows[kept]
    copy._columns = {name: values[kept] for name, values in replay._columns.items()}
    return copy
