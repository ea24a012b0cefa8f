# SPDX-License-Identifier: Apache-2.0
"""The replay: a table of observations from episodes, and the transitions between its rows."""

from collections.abc import Iterable
from dataclasses import dataclass
import hashlib
from pathlib import Path

import numpy as np
import torch

from parl_files.episode import Purpose
from parl_files.error import ParlError
from parl_files.recording.film import PictureError
from parl_learner.replay.action_chunks import action_chunks
from parl_learner.replay.observation_table import ObservationTable, StateTable
from parl_learner.replay.picture_table import PictureTable
from parl_learner.replay.recorded_episode import RecordedEpisode
from parl_learner.replay.returns import FailureReturn, monte_carlo_returns
from parl_policy.observations import ObservationNeeds, PictureConfig, States


class CriticSupportError(ParlError):
    """The returns in the data do not fit the range of values that the critic can represent."""


class EpisodeMisfitError(ParlError, ValueError):
    """An episode does not fit those that were learned from before."""


@dataclass(frozen=True)
class Batch:
    """A batch of B transitions.

    Attributes:
        rows: (B,) rows of the observations in the replay.
        next_rows: (B,) rows of the next observations.
        observations: Numbers (B, O), or what a critic sees that needs more.
        next_observations: The same of the next observations.
        actions: (B, D) executed, in [-1, 1].
        rewards: (B,); for a chunk the discounted sum.
        discounts: (B,) discount of the next value; 0 after a success, not after a time-out.
        returns: (B,) Monte-Carlo returns.
    """

    rows: torch.Tensor
    next_rows: torch.Tensor
    observations: States
    next_observations: States
    actions: torch.Tensor
    rewards: torch.Tensor
    discounts: torch.Tensor
    returns: torch.Tensor


class Replay:
    """Holds whole episodes in the order they came; an episode of N steps adds N + 1 rows."""

    def __init__(
        self,
        observation_dim: int,
        action_dim: int,
        discount: float,
        failure_return: FailureReturn = 'endless',
        horizon: int = 1,
        seen: Iterable[ObservationNeeds] = (),
        folder: Path | None = None,
    ) -> None:
        """Start empty.

        Args:
            observation_dim: O, the numbers of an observation.
            action_dim: A, the numbers of a control step.
            discount: Discount of a control step.
            failure_return: See `monte_carlo_returns`.
            horizon: T, the control steps of an action; D = T · A.
            seen: What policy and critic need besides numbers.
            folder: Where pictures are kept, if any are needed.
        """
        wanted = [(camera, each) for needs in seen for camera, each in needs.pictures.items()]
        self._pictures: dict[tuple[str, PictureConfig], PictureTable] = {}
        for key in dict.fromkeys(wanted):
            assert folder is not None
            self._pictures[key] = PictureTable(key[1].size, folder)
        self._instructions: list[str] = []
        self.keys = torch.empty(0, dtype=torch.long)
        """(M,) hash of the content of each row; it tells rows apart wherever they stand."""
        self.discount = discount
        self.horizon = horizon
        self.failure_return = failure_return
        self.observations = torch.empty(0, observation_dim)
        """(M, O) numbers."""
        self.row_actions = torch.empty(0, horizon * action_dim)
        """(M, D) executed from each row on; 0 in the last row of an episode."""
        self.row_takeovers = torch.empty(0)
        """(M,) share of these control steps that an operator chose who took over."""
        self._columns = {
            name: torch.empty(0)
            for name in ('rewards', 'discounts', 'returns', 'demonstration', 'success')
        }
        self._rows = self._next_rows = torch.empty(0, dtype=torch.long)

    def __len__(self) -> int:
        """Return the number of transitions."""
        return len(self._rows)

    def add(self, episode: RecordedEpisode) -> None:
        """Append an episode.

        Raises:
            EpisodeMisfitError: Its observations or actions have another width than those of the
                replay, or a film that is needed is missing, damaged or of another length.
            PictureTableError: A picture cannot be kept; for example, the disk is full.
        """
        width = self.row_actions.shape[1] // self.horizon
        expected = (self.observations.shape[1], width)
        found = (episode.observations.shape[1], episode.actions.shape[1])
        if found != expected:
            raise EpisodeMisfitError(
                f'episode {episode.episode_id} has (observation, action) widths {found}, the '
                f'replay has {expected}: it was recorded for another task or version, or with '
                'other cameras; take its file out of the data folder'
            )
        self.keys = torch.cat([self.keys, self._add_pictures(episode).to(self.keys.device)])
        self._instructions += [episode.instruction] * len(episode.observations)
        length = len(episode.actions)
        terminated = bool(episode.terminated[-1])
        chunks = action_chunks(
            episode.actions, episode.rewards, episode.terminated, self.discount, self.horizon
        )
        columns = {
            'rewards': chunks.rewards,
            'discounts': chunks.discounts,
            'returns': monte_carlo_returns(
                episode.rewards, terminated, self.discount, self.failure_return
            ),
            'demonstration': np.full(length, episode.purpose == Purpose.DEMONSTRATION, np.float32),
            'success': np.full(length, episode.success, np.float32),
        }
        rows = len(self.observations) + torch.arange(length)
        self._rows = torch.cat([self._rows, rows])
        self._next_rows = torch.cat([self._next_rows, rows + torch.as_tensor(chunks.steps)])
        self.observations = torch.cat([self.observations, torch.tensor(episode.observations)])
        closing = torch.zeros(1, self.row_actions.shape[1])
        self.row_actions = torch.cat([self.row_actions, torch.tensor(chunks.actions), closing])
        shares = torch.tensor(np.append(chunks.means(episode.interventions), np.float32(0.0)))
        self.row_takeovers = torch.cat([self.row_takeovers, shares])
        for name, values in columns.items():
            self._columns[name] = torch.cat([self._columns[name], torch.tensor(values)])

    def _add_pictures(self, episode: RecordedEpisode) -> torch.Tensor:
        """Keep what is seen of the pictures; return the keys (N + 1,) of the rows."""
        count = len(episode.observations)
        said = episode.instruction.encode()
        hashes = [
            hashlib.blake2b(said + row.tobytes(), digest_size=8) for row in episode.observations
        ]
        for camera in {camera: None for camera, _ in self._pictures}:
            film = episode.films.get(camera)
            if film is None or len(film) != count:
                raise EpisodeMisfitError(
                    f'episode {episode.episode_id} has {len(film) if film else "no"} pictures of '
                    f'the camera {camera!r} for {count} observations, but the networks see it; '
                    'take its file out of the data folder'
                )
            tables = [(c, table) for (name, c), table in self._pictures.items() if name == camera]
            try:
                for content, picture in zip(hashes, film, strict=True):
                    for config, table in tables:
                        seen = config.of(picture)
                        content.update(seen.tobytes())
                        table.append(seen)
            except PictureError as error:
                raise EpisodeMisfitError(
                    f'episode {episode.episode_id}, camera {camera!r}: {error}; take its file out '
                    'of the data folder'
                ) from error
        return torch.tensor([int.from_bytes(h.digest(), 'big', signed=True) for h in hashes])

    def seen_by(self, needs: ObservationNeeds) -> StateTable:
        """Return all M observations as a policy or critic with these needs sees them."""
        if needs.is_only_numbers:
            return self.observations
        tables = {camera: self._pictures[camera, c] for camera, c in needs.pictures.items()}
        return ObservationTable(self.observations, tables, self._instructions)

    def batch(self, chosen: torch.Tensor) -> Batch:
        """Return the transitions with the given indices (B,), their observations as numbers."""
        rows, next_rows = self._rows[chosen], self._next_rows[chosen]
        return Batch(
            rows=rows,
            next_rows=next_rows,
            observations=self.observations[rows],
            next_observations=self.observations[next_rows],
            actions=self.row_actions[rows],
            rewards=self._columns['rewards'][chosen],
            discounts=self._columns['discounts'][chosen],
            returns=self._columns['returns'][chosen],
        )

    def draw(self, size: int, mixing_ratio: float | None, generator: torch.Generator) -> Batch:
        """Draw a random batch of `size` transitions.

        Args:
            size: B.
            mixing_ratio: Share of demonstrations; without practice data all are demonstrations.
                None draws uniformly from all transitions.
            generator: Source of all randomness.
        """
        if mixing_ratio is None:
            return self.batch(torch.randint(len(self), (size,), generator=generator))
        from_demonstration = self._columns['demonstration'] > 0.5
        practice = torch.nonzero(~from_demonstration).squeeze(1)
        demonstrations = torch.nonzero(from_demonstration).squeeze(1)
        split = round(size * mixing_ratio) if len(practice) else size
        return self.batch(
            torch.cat(
                [
                    _pick(demonstrations, split, generator),
                    _pick(practice, size - split, generator),
                ]
            )
        )

    @property
    def has_successes(self) -> bool:
        """Whether any episode succeeded."""
        return bool(self._columns['success'].any())

    def draw_successes(self, size: int, generator: torch.Generator) -> Batch:
        """Draw a random batch of transitions from episodes that succeeded."""
        successes = torch.nonzero(self._columns['success'] > 0.5).squeeze(1)
        return self.batch(_pick(successes, size, generator))

    def check_support(self, support: tuple[float, float]) -> None:
        """Refuse returns that a critic with this support cannot represent.

        Raises:
            CriticSupportError: The message names the returns found and how to set the support.
        """
        returns = self._columns['returns']
        low, high = float(returns.min()), float(returns.max())
        if low < support[0] - 1e-3 or high > support[1] + 1e-3:
            raise CriticSupportError(
                f'returns in the data span [{low:.2f}, {high:.2f}] but the critic support is '
                f'[{support[0]}, {support[1]}]; set critic.support to hold them '
                f'(rewards of -1 with discount {self.discount} reach '
                f'{-1.0 / (1.0 - self.discount):.0f})'
            )


def _pick(indices: torch.Tensor, count: int, generator: torch.Generator) -> torch.Tensor:
    if count == 0:
        return indices[:0]
    return indices[torch.randint(len(indices), (count,), generator=generator)]
