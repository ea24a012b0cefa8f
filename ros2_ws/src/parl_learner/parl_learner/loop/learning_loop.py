# SPDX-License-Identifier: Apache-2.0
"""The learner's work as a sequence of small units that can stop and resume after each.

Round 0 pre-trains on demonstrations; round n > 0 learns from the n-th batch of practice episodes.
The work depends only on the episodes, never on the time when they arrived.
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
from pathlib import Path

from parl_files.config_file import ConfigError
from parl_learner.loop.untrained import actor_config, STATION_ACTION, untrained_policy
from parl_learner.methods.method import Counters, PracticeRound
from parl_learner.methods.registry import method_of
from parl_learner.methods.stage import Stage, StageName, units_left, updates_left, Work
from parl_learner.replay.recorded_episode import RecordedEpisode
from parl_learner.replay.replay import Replay
from parl_learner.sampling.new_sampling import new_sampling
from parl_learner.sampling.seeded_sampling import SeededSampling
from parl_learner.training.action_cache import ActionCache
from parl_learner.training.critic_trainer import CriticTrainer
from parl_learner.training.learning_config import LearningConfig
from parl_learner.training.learning_units import LearningUnits
from parl_learner.training.policy_trainer import PolicyTrainer
from parl_learner.training.waypoint_trainer import WaypointTrainer
from parl_policy.acting.actor_file import fill_policy, version_to_bytes
from parl_policy.compute.device import default_generator
from parl_policy.networks.observation_encoder import waypoint_encoders
from parl_policy.observations import Size
from parl_policy.policy import ActionSpec

GRIPPER_POSITION = ('ee_x', 'ee_y', 'ee_z')
"""Numbers with which an observation of the station begins that holds pictures."""


class LearningLoop:
    """Owns all that learns, and its position; all draws are from the device's own generator."""

    def __init__(
        self,
        config: LearningConfig,
        observation_names: Sequence[str],
        seed: int,
        action_spec: ActionSpec = STATION_ACTION,
        *,
        cameras: Mapping[str, Size] | None = None,
        folder: Path | None = None,
        replay: Replay | None = None,
        report: Callable[[str], None] = print,
    ) -> None:
        """Make an untrained policy and critic.

        Args:
            config: All numbers.
            observation_names: Names of the numbers of an observation.
            seed: Seed of the weights and of all later draws.
            action_spec: Layout of a control step; the station's by default.
            cameras: Recorded size of the pictures of each camera, by its name.
            folder: Where pictures of the replay and shards of samples are kept, if there are any.
            replay: Replay of another loop with the same settings, whose data this one only reads.
            report: Called with each message about shards and workers.

        Raises:
            ConfigError: The method cannot work with the policy class or with the device.
        """
        method = method_of(config)
        self.config = config
        self.actor_config = actor_config(config, observation_names, cameras or {}, action_spec)
        self._shares_replay = replay is not None
        self.replay = replay if replay is not None else self._new_replay(folder)
        self.policy = untrained_policy(self.actor_config, seed)
        self.policy_trainer = PolicyTrainer(self.policy, config.policy_trainer)
        example = self.actor_config.policy_needs.blank(len(observation_names))
        method.check_policy(self.policy_trainer, example)
        self.critic_trainer = CriticTrainer(
            self.actor_config.make_critic(), config.critic_trainer, self.actor_config.action_spec
        )
        self.cache = ActionCache(config.optimisation, self.policy.action_spec)
        self.counters = Counters()
        self.stages: tuple[Stage, ...] = ()
        self._episodes: Sequence[RecordedEpisode] = ()  # of the current or last round
        self.units = LearningUnits(
            config,
            self.actor_config,
            self.replay,
            self.policy,
            self.policy_trainer,
            self.critic_trainer,
            self.cache,
            self._new_waypoint_trainer(),
            default_generator(),
            method.learns_with_critic,
            method.backs_up_fresh_samples(config),
            self._new_sampling(seed, folder, report),
        )
        self.method = method(config, self.units, self.counters)

    def _new_sampling(
        self, seed: int, folder: Path | None, report: Callable[[str], None]
    ) -> SeededSampling | None:
        config, kept = self.config.sampling, None if folder is None else folder / 'samples'
        if self._shares_replay:
            config, kept = dataclasses.replace(config, workers=0, address=None), None
        at_once = self.cache.ROWS_AT_ONCE
        return new_sampling(config, self.actor_config, self.policy, seed, kept, report, at_once)

    def _new_waypoint_trainer(self) -> WaypointTrainer | None:
        actor, vision = self.actor_config, self.config.taught_vision
        if vision is None:
            return None
        binary = actor.action_spec.binary
        if actor.observation_names[:3] != GRIPPER_POSITION or not binary:
            raise ConfigError(
                "an encoder of kind 'waypoints' needs numbers that begin with "
                f'{list(GRIPPER_POSITION)} and a gripper, a binary action; found '
                f'{list(actor.observation_names[:3])} and the binary actions {list(binary)}'
            )
        ((camera, picture),) = vision.pictures.items()
        critic = self.critic_trainer.critic
        encoder = (waypoint_encoders(self.policy) + waypoint_encoders(critic))[0]
        return WaypointTrainer(
            encoder, camera, picture, vision.augmentation, self.config.waypoint_trainer
        )

    def _teach_waypoints_with(self, episodes: Sequence[RecordedEpisode]) -> None:
        trainer = self.units.waypoint_trainer
        if trainer is not None:
            trainer.take(episodes, self.actor_config.action_spec.binary[0])

    def _new_replay(self, folder: Path | None) -> Replay:
        actor, spec = self.actor_config, self.actor_config.action_spec
        return Replay(
            len(actor.observation_names),
            spec.dim,
            self.config.discount,
            self.config.failure_return,
            spec.horizon,
            (actor.policy_needs, actor.critic_needs),
            folder,
        )

    @property
    def idle(self) -> bool:
        """Whether the round is finished, so that the next one needs episodes."""
        return self.counters.stage >= len(self.stages)

    @property
    def stage(self) -> Stage:
        """The current stage."""
        return self.stages[self.counters.stage]

    @property
    def updates_left(self) -> dict[Work, int]:
        """Policy and critic updates that are left in the round."""
        return updates_left(self.stages[self.counters.stage :], self.counters.units_done)

    @property
    def units_left(self) -> dict[Work, int]:
        """Units of work that are left in the round, by `Stage.work`."""
        return units_left(self.stages[self.counters.stage :], self.counters.units_done)

    def begin_round(
        self, episodes: Sequence[RecordedEpisode], old_policy: Path | None = None
    ) -> None:
        """Add the episodes of the next round to the replay, and plan its stages.

        Args:
            episodes: The new episodes.
            old_policy: File of an older version that played them, whose policy the round goes on
                with; the critic stays. None: the newest version is good.

        Raises:
            WeightsFileError: That file cannot be used.
            ValueError: An episode does not fit the replay.
            CriticSupportError: The critic cannot represent the returns in the data.
        """
        if not self.idle:
            raise RuntimeError(f'round {self.counters.round} is not finished')
        if old_policy is not None:
            self._put_back(old_policy)
        for episode in episodes:
            self.replay.add(episode)
        if self.config.critic.head == 'hl_gauss':
            self.replay.check_support(self.config.critic.support)
        self.counters.round += 1
        self.counters.stage = self.counters.units_done = 0
        self.counters.is_put_back = old_policy is not None
        if self.counters.round == 0:
            self._fit_normalisation()
            self._teach_waypoints_with(episodes)
        if self.counters.round == 1:
            self._begin_practice()
            self.method.begin_practice()
        if self.counters.round >= 1:
            self.method.begin_round(episodes)
        self._plan(episodes)
        self._skip_empty_stages()

    def restore(self, counters: Counters) -> None:
        """Continue at the position of a checkpoint, after `resume`."""
        self.counters = self.method.counters = counters
        self._plan(self._episodes)

    def resume(self, rounds: Sequence[Sequence[RecordedEpisode]]) -> None:
        """Add the episodes of all rounds begun before; `load_checkpoint` restores the rest."""
        if not self._shares_replay:
            for episodes in rounds:
                for episode in episodes:
                    self.replay.add(episode)
        self._teach_waypoints_with(rounds[0])
        self.counters.round = len(rounds) - 1
        if self.counters.round >= 1:
            self._begin_practice()
        self._plan(rounds[-1])

    def advance(self) -> None:
        """Do one unit of work; call it only while not `idle`."""
        counters = self.counters
        self.stage.unit(counters.units_done)
        policy_updates, critic_updates = self.stage.updates(counters.units_done)
        counters.policy_steps += policy_updates
        counters.critic_steps += critic_updates
        counters.units_done += 1
        self._skip_empty_stages()

    def version_files(self) -> dict[str, bytes]:
        """Return the contents of the newest version's files, by kind."""
        version = self.counters.version
        return {
            'policy': version_to_bytes(self.actor_config, self.policy, 'policy', version),
            'critic': version_to_bytes(
                self.actor_config, self.critic_trainer.critic, 'critic', version
            ),
        }

    def _put_back(self, policy: Path) -> None:
        """Take the policy of an older version; nothing of the rejected one may lead it on."""
        fill_policy(self.policy, policy)
        self.policy_trainer.begin_distillation()
        self.units.forget_samples()

    def _plan(self, episodes: Sequence[RecordedEpisode]) -> None:
        self._episodes = episodes
        rows = len(self.replay.observations)
        if self.counters.round == 0:
            stages = self.method.pretraining_stages(rows)
        else:
            steps = sum(len(episode.actions) for episode in episodes)
            new_rows = rows if self.counters.is_put_back else steps + len(episodes)
            practice = PracticeRound(steps, self.replay.has_successes, rows, new_rows)
            stages = self.method.practice_stages(practice)
        self.stages = (*stages, Stage(StageName.FINISHING, 1, self._finish))

    def _begin_practice(self) -> None:
        self.policy_trainer.begin_distillation()
        self.critic_trainer.begin_practice()
        if self.cache.config != self.config.practice_optimisation:
            self.cache.reduce_samples(self.config.practice_optimisation)

    def _fit_normalisation(self) -> None:
        self.policy.fit_normalisation(self.replay.observations)
        self.critic_trainer.fit_normalisation(self.replay.observations)

    def _skip_empty_stages(self) -> None:
        counters = self.counters
        while not self.idle and counters.units_done >= self.stage.units:
            counters.stage += 1
            counters.units_done = 0

    def _finish(self, unit: int) -> None:
        del unit
        self.counters.version = self.counters.round + 1
