# SPDX-License-Identifier: Apache-2.0
"""The table of learning methods by name."""

from parl_learner.methods.advantage_weighted import AdvantageWeighted
from parl_learner.methods.dppo import DppoMethod
from parl_learner.methods.filtered_imitation import FilteredImitation
from parl_learner.methods.frozen import Frozen
from parl_learner.methods.imitation import Imitation
from parl_learner.methods.method import LearningMethod
from parl_learner.methods.pa_rl import PaRl
from parl_learner.methods.self_imitation import SelfImitation
from parl_learner.methods.value_gradient import ValueGradient
from parl_learner.training.learning_config import LearningConfig, Method

METHODS: dict[Method, type[LearningMethod]] = {
    Method.PA_RL: PaRl,
    Method.VALUE_GRADIENT: ValueGradient,
    Method.AWR: AdvantageWeighted,
    Method.SELF_IMITATION: SelfImitation,
    Method.IMITATION: Imitation,
    Method.FILTERED_IMITATION: FilteredImitation,
    Method.DPPO: DppoMethod,
    Method.FROZEN: Frozen,
}


def method_of(config: LearningConfig) -> type[LearningMethod]:
    """Return the class of the method that a configuration names.

    Raises:
        ConfigError: The method cannot work with the other settings; the message says which.
    """
    method = METHODS[config.method]
    method.check(config)
    return method
