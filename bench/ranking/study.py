# SPDX-License-Identifier: Apache-2.0
"""Trains the product's critics on stored episodes and measures what they say of actions."""

from collections.abc import Mapping, Sequence
import copy
import dataclasses
import time

import torch

from parl_files.episode import Purpose
from parl_learner.loop.learning_loop import LearningLoop
from parl_learner.plan.experiment_config import ExperimentConfig
from parl_learner.replay.observation_table import StateTable
from parl_learner.replay.replay import Replay
from parl_policy.acting.actor_file import fill_policy
from parl_policy.critics.critic import CriticEnsemble
from parl_policy.episode.action_space import MAX_TRANSLATION_M
from parl_policy.episode.observation import NEAR_M
from parl_policy.networks.observation_encoder import waypoint_encoders
from parl_policy.observations import needs_of
from parl_policy.policies.registry import policy_needs
from ranking.data import (
    PerturbedReplay,
    policy_file,
    recorded,
    Recordings,
    recordings,
    successes_of,
)
from ranking.ground_truth import load_states, NOISE, phase_of
from ranking.measures import (
    aim_measures,
    area_under_curve,
    ranking_measures,
    wrong_measures,
)
from ranking.rows import Row, Table

AIM_SAMPLES = 8
NEAR_MM = 20.0
"""A state counts for the aim if a sample ends nearer to the object than this."""


@dataclasses.dataclass(frozen=True)
class Aim:
    """States on the way to the object, in rows of the held-out episodes.

    Attributes:
        rows: (N,).
        actions: (N, k, 7), half of them samples of the policy, half with noise.
        left: (N, k) distance from the object that each leaves, if it is executed exactly [mm].
    """

    rows: torch.Tensor
    actions: torch.Tensor
    left: torch.Tensor


class Study:
    """What all rows share: data, samples of the policy, true states and held-out episodes."""

    def __init__(self, table: Table, practice: int, rows: Sequence[Row]) -> None:
        """Read the episodes, and sample the policy in all their states.

        Args:
            table: Its folder holds what `data.play` and `ground_truth.find_states` wrote.
            practice: Practice episodes that critics know; the others are held out.
            rows: Rows that will be measured.
        """
        self._table, folder = table, table.folder
        config = table.config()
        configs = [config, *(table.config(row) for row in rows)]
        needs = [needs_of(each.learning.critic) for each in configs]
        needs.append(policy_needs(config.learning.policy_class, config.learning.policy))
        demonstrations = recorded(folder, Purpose.DEMONSTRATION)
        played = recorded(folder, Purpose.PRACTICE)
        discount = config.learning.discount
        known = demonstrations + played[:practice]
        self._teachers = {'experiment': demonstrations, 'again': known}
        self._known = recordings(folder, known, needs, discount)
        self._held_out = recordings(folder, played[practice:], needs, discount)
        self._camera, size = next(iter(config.cameras.items()))
        self._cameras = {self._camera: size}
        self._names = demonstrations[0].observation_names
        self.states = load_states(folder / 'truth.npz')
        loop = self._loop(config, self._known.pictures, self._names, 0)
        fill_policy(loop.policy, policy_file(folder))
        self._taught: dict[tuple[str, str], dict[str, torch.Tensor]] = {}
        if waypoint_encoders(loop.policy):
            self._taught['experiment', repr(config.learning.taught_vision)] = _waypoints(loop)
        loop.units.sample_all()
        self._samples = loop.cache.state_dict()
        self._aim = self._aimed(loop)

    def run(self, row: Row, seed: int, measured_at: Sequence[int]) -> list[dict[str, float]]:
        """Train a critic; return its measures after each number of updates.

        Args:
            row: The critic.
            seed: Of its weights and batches.
            measured_at: Numbers of updates, rising.
        """
        eyes = self._eyes(row)  # first, as it draws from the generator that the loop seeds
        config = self._table.config(row)
        replay = self._replay(row, self._known)
        numbers = replay.observations.shape[1]
        sees = row.sees == 'pictures'
        names = self._names if sees else [f'number {i}' for i in range(numbers)]
        loop = self._loop(config, replay, names, seed)
        trainer = loop.critic_trainer
        trainer.fit_normalisation(replay.observations)
        for each in (trainer.critic, trainer.target):
            for encoder in waypoint_encoders(each):
                encoder.load_state_dict(eyes)
        loop.cache.load_state_dict(dict(self._samples))
        results, seconds, updates = [], 0.0, 0
        for wanted in measured_at:
            began = time.process_time()
            for unit in range(updates, wanted):
                loop.units.improve_critic(unit)
            seconds, updates = seconds + time.process_time() - began, wanted
            found = self._measures(loop, sees)
            results.append(found | {'updates': updates, 'seconds': seconds})
        return results

    def _loop(
        self, config: ExperimentConfig, replay: Replay, names: Sequence[str], seed: int
    ) -> LearningLoop:
        return LearningLoop(
            config.learning,
            names,
            seed,
            cameras=self._cameras,
            folder=self._table.folder,
            replay=replay,
        )

    @staticmethod
    def _replay(row: Row, both: Recordings) -> Replay:
        replay = both.pictures if row.sees == 'pictures' else both.positions
        if row.successes_only:
            return successes_of(replay)
        return PerturbedReplay(replay, row.perturbed) if row.perturbed else replay

    def _eyes(self, row: Row) -> Mapping[str, torch.Tensor]:
        """Return the weights of the encoder of waypoints that a row sees with; it learns once."""
        config = self._table.config(row)
        vision = config.learning.taught_vision
        if vision is None:
            return {}
        key = row.eyes, repr(vision)
        if key not in self._taught:
            loop = self._loop(config, self._known.pictures, self._names, 0)
            trainer = loop.units.waypoint_trainer
            assert trainer is not None
            trainer.take(self._teachers[row.eyes], loop.actor_config.action_spec.binary[0])
            for unit in range(trainer.config.steps):
                loop.units.learn_to_see(unit)
            self._taught[key] = _waypoints(loop)
        return self._taught[key]

    @torch.no_grad()
    def _aimed(self, loop: LearningLoop) -> Aim:
        """Choose the states for the aim; nothing need be played out for them."""
        replay, positions = self._held_out.pictures, self._held_out.positions.observations
        approach = [phase_of(row) == 'approach' for row in replay.observations.numpy()]
        visible = positions[:, 8] > 0.5
        rows = torch.nonzero(torch.tensor(approach) & visible).squeeze(1)
        generator = torch.Generator().manual_seed(1)
        table = replay.seen_by(loop.actor_config.policy_needs)
        context = loop.policy.encode(table[rows])
        actions = loop.policy.sample(context, AIM_SAMPLES, generator)
        half = AIM_SAMPLES // 2
        noise = NOISE * torch.randn(len(rows), half, 3, generator=generator)
        actions[:, half:, :3] = (actions[:, half:, :3] + noise).clamp(-1.0, 1.0)
        offsets = positions[rows, 6:8].sinh() * NEAR_M
        left = offsets.unsqueeze(1) - MAX_TRANSLATION_M * actions[:, :, :2]
        left_mm = 1e3 * left.norm(dim=-1)
        near = left_mm.min(1).values < NEAR_MM
        return Aim(rows[near], actions[near], left_mm[near])

    @torch.no_grad()
    def _measures(self, loop: LearningLoop, sees: bool) -> dict[str, float]:
        """Measure a critic on the true states and on the held-out episodes."""
        critic, needs = loop.critic_trainer.critic, loop.actor_config.critic_needs
        true, values = self.states, []
        for at in range(len(true.returns)):
            position = torch.tensor(true.positions[at]).unsqueeze(0)
            seen = true.observation(at, self._camera).for_needs(needs) if sees else position
            values.append(critic(seen, torch.tensor(true.actions[at]).unsqueeze(0)).mean(0)[0])
        q = torch.stack(values).numpy()
        found = ranking_measures(q, true.returns) | wrong_measures(q, true.wrong)
        replay = self._held_out.pictures if sees else self._held_out.positions
        encoded = _encoded(critic, replay.seen_by(needs))
        everything = replay.batch(torch.arange(len(replay)))
        executed = _mean_q(critic, encoded[everything.rows], everything.actions.unsqueeze(1))
        good = everything.returns > everything.returns.min()
        found['auc'] = area_under_curve(
            executed[good].numpy().ravel(), executed[~good].numpy().ravel()
        )
        aim = self._aim
        ranked = _mean_q(critic, encoded[aim.rows], aim.actions)
        return found | aim_measures(ranked.numpy(), aim.left.numpy())


def _waypoints(loop: LearningLoop) -> dict[str, torch.Tensor]:
    found = waypoint_encoders(loop.policy) + waypoint_encoders(loop.critic_trainer.critic)
    return copy.deepcopy(found[0].state_dict())


def _encoded(critic: CriticEnsemble, table: StateTable) -> torch.Tensor:
    """Return all M states as the critic encodes them (M, S)."""
    return torch.cat([critic.encode(table[rows]) for rows in torch.arange(len(table)).split(64)])


def _mean_q(critic: CriticEnsemble, states: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
    """Return the members' mean values of actions (B, n, 7) in encoded states: (B, n)."""
    return critic.value_head.value(critic.raw_at(states, actions)).mean(0)
