# SPDX-License-Identifier: Apache-2.0
"""Conversion between ROS messages and the values that the rest of the package uses."""

from parl_files.episode import Purpose
from parl_learner.loop.learner import Learner
from parl_learner.methods.stage import LearnerPhase, PHASES, Work
from parl_msgs.msg import LearnerStatus


def to_status(learner: Learner | None, trouble: str) -> LearnerStatus:
    """Return the learner's status without a header; `trouble` replaces the phase."""
    nan = float('nan')
    status = LearnerStatus(
        phase=trouble or LearnerPhase.WAITING,
        policy_loss=nan,
        critic_loss=nan,
        mean_q=nan,
        mean_return=nan,
        seconds_left=nan,
    )
    if learner is None or learner.loop is None:
        return status
    loop = learner.loop
    counters, metrics = loop.counters, loop.units.critic_metrics
    left = loop.updates_left
    if not loop.idle:
        status.phase = trouble or PHASES[loop.stage.name]
    status.demonstrations = len(learner.library.completed(Purpose.DEMONSTRATION))
    status.episodes = status.demonstrations + len(learner.library.completed(Purpose.PRACTICE))
    status.transitions = len(loop.replay)
    status.policy_steps, status.critic_steps = counters.policy_steps, counters.critic_steps
    status.policy_steps_due = counters.policy_steps + left[Work.POLICY]
    status.critic_steps_due = counters.critic_steps + left[Work.CRITIC]
    status.policy_version = status.critic_version = max(0, learner.version)
    status.policy_loss = loop.units.policy_loss
    status.seconds_left = learner.seconds_left
    if metrics is not None:
        status.critic_loss, status.mean_q = metrics.loss, metrics.mean_q
        status.mean_return = metrics.mean_return
    return status
