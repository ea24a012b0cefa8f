# SPDX-License-Identifier: Apache-2.0
"""All numbers of one learning run, as the `learning` section of an experiment file."""

from collections.abc import Mapping
import dataclasses
from dataclasses import dataclass, field
from enum import StrEnum
import functools
from typing import Any, Literal

from parl_files.config_file import ConfigError
from parl_learner.replay.returns import FailureReturn
from parl_learner.sampling.sampling_config import SamplingConfig
from parl_learner.training.critic_trainer_config import CriticTrainerConfig
from parl_learner.training.distillation_rule import DistillationTarget
from parl_learner.training.dppo import DppoConfig
from parl_learner.training.policy_trainer import PolicyTrainerConfig
from parl_learner.training.waypoint_trainer import WaypointTrainerConfig
from parl_policy.acting.action_optimisation import ActionOptimisationConfig
from parl_policy.critics.critic import CriticConfig
from parl_policy.networks.observation_encoder import VisionConfig
from parl_policy.observations import needs_of, Size
from parl_policy.policies.registry import check_policy, policy_needs, policy_visions


class Method(StrEnum):
    """Ways in which the policy learns after its pre-training; each is a file in `methods/`."""

    PA_RL = 'pa_rl'
    VALUE_GRADIENT = 'value_gradient'
    AWR = 'awr'
    SELF_IMITATION = 'self_imitation'
    IMITATION = 'imitation'
    FILTERED_IMITATION = 'filtered_imitation'
    DPPO = 'dppo'
    FROZEN = 'frozen'


@dataclass(frozen=True, kw_only=True)
class LearningConfig:
    """Numbers of a learning run; defaults are the paper's, an experiment file overrides them."""

    method: Method = Method.PA_RL
    """How the policy learns after its pre-training.

    'pa_rl' teaches the policy the actions of π_opt. Four methods update policy and critic in
    turns: 'value_gradient' climbs Q through the policy's samples (SAC, Diffusion-QL, EXPO); 'awr'
    imitates the data with weights exp(β (Q - V)) (IQL), 'self_imitation' with weights
    max(return - V, 0), 'imitation' with equal weights (IDQL). Three methods have no critic:
    'filtered_imitation' imitates successes, 'dppo' is a policy gradient on each round's own
    episodes, and 'frozen' learns nothing.
    """
    acting: Literal['optimised', 'policy'] = 'optimised'
    """Who practises: π_opt, or the policy alone. Without a critic it is always the policy.

    A critic that has seen little data is most wrong where it was not trained, and π_opt then
    practises there. A policy that practises alone follows the critic slowly, by distillation.
    """
    policy_class: str = 'diffusion'
    """Key of `parl_policy.policies.registry.POLICY_CLASSES`, or `package.module:Class`."""
    policy: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the policy class's configuration."""
    waypoint_trainer: WaypointTrainerConfig = field(default_factory=WaypointTrainerConfig)
    """How encoders of kind 'waypoints' learn, before everything else."""
    policy_trainer: PolicyTrainerConfig = field(default_factory=PolicyTrainerConfig)
    action_horizon: int = 1
    """Control steps of an action (T). More than 1 is a chunk, chosen at once, played open-loop.

    Policy and critic then work on chunks (Q-chunking, arXiv 2507.07969); `discount` is still that
    of one control step.
    """
    critic: CriticConfig = field(default_factory=CriticConfig)
    critic_trainer: CriticTrainerConfig = field(default_factory=CriticTrainerConfig)
    optimisation: ActionOptimisationConfig = field(default_factory=ActionOptimisationConfig)
    practice_samples: int | None = None
    """k of the optimisation from the first practice round on; None for `optimisation.samples`.

    The policy of every version is sampled so often when it acts, that of the first one too, since
    it plays the first round. `optimisation.samples` is then k of pre-training alone.
    """
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    """Who draws the policy's samples for the states of the replay."""
    choice: Literal['argmax', 'softmax'] = 'softmax'
    """Particle that acts on the robot: drawn from softmax(Q), or the best (paper: AntMaze)."""
    discount: float = 0.99
    """Discount of a control step (γ), in [0, 1)."""
    failure_return: FailureReturn = 'endless'
    """Return of an episode that timed out; see `monte_carlo_returns`."""
    imitation_batch_size: int = 1024
    """States in a policy update."""
    critic_batch_size: int = 256
    """Transitions in a critic update."""
    mixing_ratio: float = 0.5
    """Share of demonstrations in a batch during practice."""
    distillation_mixing_ratio: float | None = None
    """Share of demonstrations in a distillation batch; None draws uniformly from all data.

    The release draws uniformly from all data where observations are states, and uses its mixing
    ratio on the robot and with images.
    """
    takeover_weight: float = 1.0
    """Weight of an action that an operator who took over chose, beside 1 of all others.

    It holds wherever the policy imitates actions of the data, and multiplies the method's own
    weights. A chunk that is partly the operator's has a weight in between.
    """
    imitation_steps: int = 20_000
    """Policy updates on the demonstrations."""
    offline_critic_steps: int = 500_000
    """Critic updates on the demonstrations."""
    policy_updates_per_step: float = 1.0
    """Distillation updates for each practised control step."""
    critic_updates_per_step: float = 1.0
    """Critic updates for each practised control step."""
    practice_order: Literal['policy_first', 'critic_first'] = 'policy_first'
    """Whether policy or critic learns first from a round's episodes.

    'policy_first' is the release's order: the critic teaches before it has learned from them.
    'critic_first' is better with few, long rounds.
    """
    distillation_target: DistillationTarget = 'by_spread'
    """Particle that the policy is taught: drawn from softmax(Q), or the best.

    'particles' teaches all of a state at once, weighed by softmax(Q): the mean of what 'softmax'
    draws, without its noise. A policy that reads a long prefix reads it once for all.
    'by_spread' takes the best in rounds in which the particles' values hardly differ.
    """
    smallest_spread: float = 1.0
    """Smallest standard deviation of Q among a state's particles for which 'by_spread' draws.

    The paper gives no number; softmax at temperature 1 separates values that differ by about 1.
    """
    advantage_scale: float = 3.0
    """β of 'awr', per unit of value."""
    largest_advantage_weight: float = 100.0
    """Cut-off of the weights of 'awr'."""
    distil_data_action: bool = True
    """Whether the executed action replaces the worst particle while the policy is taught."""
    dppo: DppoConfig = field(default_factory=DppoConfig)
    """Numbers of the method 'dppo'."""
    particle_refresh_steps: int = 1
    """Critic updates for which π_opt's particles are kept.

    1 optimises the batch's actions again for every update, as the paper does. A larger number
    optimises all rows once and then reuses them, which is fast enough on two CPU cores.
    """

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        for name in (
            'action_horizon',
            'imitation_batch_size',
            'critic_batch_size',
            'particle_refresh_steps',
        ):
            if getattr(self, name) < 1:
                raise ValueError(f'{name} must be at least 1: {getattr(self, name)}')
        for name in (
            'takeover_weight',
            'imitation_steps',
            'offline_critic_steps',
            'policy_updates_per_step',
        ):
            if not getattr(self, name) >= 0:
                raise ValueError(f'{name} must be 0 or more: {getattr(self, name)}')
        if not self.critic_updates_per_step > 0:
            raise ValueError(
                f'critic_updates_per_step must be more than 0: {self.critic_updates_per_step}; '
                f"to train no critic choose a method without one, such as 'filtered_imitation'"
            )
        for name in ('mixing_ratio', 'distillation_mixing_ratio'):
            ratio = getattr(self, name)
            if ratio is not None and not 0.0 <= ratio <= 1.0:
                raise ValueError(f'{name} must lie in [0, 1]: {ratio}')
        if not 0.0 <= self.discount < 1.0:
            raise ValueError(f'discount must lie in [0, 1): {self.discount}')
        least, most = self.optimisation.particles, self.optimisation.samples
        if self.practice_samples is not None and not least <= self.practice_samples <= most:
            raise ValueError(
                f'practice_samples must lie in optimisation.particles…samples, {least}…{most}: '
                f'{self.practice_samples}'
            )
        self.critic_trainer.check_members(self.critic.members)
        if ':' not in self.policy_class:  # only the learner must import it
            self.check_policy()

    @property
    def practice_optimisation(self) -> ActionOptimisationConfig:
        """Settings of Algorithm 1 for acting, and for learning from practice on."""
        if self.practice_samples is None:
            return self.optimisation
        return dataclasses.replace(self.optimisation, samples=self.practice_samples)

    def check_policy(self) -> None:
        """Refuse a policy class that cannot be imported here, or settings that it does not know.

        Raises:
            ConfigError: The message names the class or the setting.
        """
        check_policy(self.policy_class, self.policy)
        _ = self.taught_vision

    @functools.cached_property
    def taught_vision(self) -> VisionConfig | None:
        """The vision whose encoder of waypoints is taught, for all networks that have one.

        It is the policy's, or if that has none its base's, or else the critic's.

        Raises:
            ConfigError: Class or settings are wrong, or two networks have different waypoints.
        """
        parts = policy_visions(self.policy_class, self.policy)
        visions = {f'policy{".base" * depth}.vision': each for depth, each in enumerate(parts)}
        visions['critic.vision'] = self.critic.vision
        found = {where: each for where, each in visions.items() if each and each.waypoints}
        if not found:
            return None
        (taught_by, taught), *others = found.items()
        for where, each in others:
            if each.waypoints != taught.waypoints:
                raise ConfigError(
                    f"an encoder of kind 'waypoints' learns once, for all networks; {taught_by} "
                    f'has {taught.waypoints}, but {where} has {each.waypoints}: give both the '
                    'same pictures and widths, or one an encoder of another kind'
                )
        return taught

    def check_cameras(self, cameras: Mapping[str, Size]) -> None:
        """Refuse networks that do not see these cameras, whose recorded sizes are given.

        Raises:
            ConfigError: A camera that is seen is missing or too small, or one is seen by nobody.
        """
        all_needs = {
            'policy': policy_needs(self.policy_class, self.policy),
            'critic': needs_of(self.critic),
        }
        for who, needs in all_needs.items():
            if why := needs.misfit(cameras):
                raise ConfigError(f'the {who} {why}')
        unseen = set(cameras).difference(*(needs.pictures for needs in all_needs.values()))
        if unseen:
            raise ConfigError(
                f'neither policy nor critic sees the cameras {sorted(unseen)}; name them in '
                'learning.policy.vision.pictures or learning.critic.vision.pictures, or record '
                'others'
            )
