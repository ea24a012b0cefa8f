# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import pytest

from parl_files.config_file import ConfigError
from parl_learner.methods.registry import method_of, METHODS
from parl_learner.training.learning_config import Method


def test_every_method_has_a_class():
    assert set(METHODS) == set(Method)


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'method': Method.AWR}, "'awr' needs the state value .* found 'cal_ql'"),
        ({'method': Method.SELF_IMITATION}, "'self_imitation' needs the state value"),
        ({'method': Method.DPPO, 'action_horizon': 2}, 'action_horizon must be 1, not 2'),
    ],
)
def test_settings_that_a_method_cannot_work_with(learning, experiment, settings, message):
    config = learning(**settings)
    with pytest.raises(ConfigError, match=message):
        method_of(config)
    with pytest.raises(ConfigError, match=message):
        replace(experiment(), learning=config)


def test_who_acts_and_who_is_evaluated(learning):
    for method, acting, acts, evaluates in (
        (Method.PA_RL, 'optimised', True, True),
        (Method.PA_RL, 'policy', False, True),
        (Method.IMITATION, 'policy', False, False),
        (Method.FILTERED_IMITATION, 'optimised', False, False),
    ):
        config = learning(method=method, acting=acting)
        assert method_of(config).acts_with_critic(config) is acts
        assert method_of(config).evaluates_with_critic(config) is evaluates
