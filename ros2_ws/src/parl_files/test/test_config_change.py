# SPDX-License-Identifier: Apache-2.0
from collections.abc import Mapping
from dataclasses import dataclass, field
import json
from typing import Any

import pytest

from parl_files.config_change import change_since, first_change
from parl_files.config_file import ConfigError, to_mapping


@dataclass(frozen=True, kw_only=True)
class Critic:
    hidden: tuple[int, ...] = (8, 8)


@dataclass(frozen=True, kw_only=True)
class Learning:
    discount: float = 0.99
    horizon: int = 1
    critic: Critic = field(default_factory=Critic)
    policy: Mapping[str, Any] = field(default_factory=dict)


def stored(config):
    return json.loads(json.dumps(to_mapping(config)))


def test_what_was_stored_is_unchanged():
    config = Learning(policy={'widths': (3, 4)})
    assert change_since(stored(config), config, 'f') == ''


def test_a_setting_is_named_by_its_path():
    before = stored(Learning())
    assert change_since(before, Learning(discount=0.95), 'f') == 'discount was 0.99 and is 0.95'
    critic = Critic(hidden=(8, 9))
    assert change_since(before, Learning(critic=critic), 'f') == (
        'critic.hidden was [8, 8] and is [8, 9]'
    )


def test_a_setting_added_later_counts_with_its_default():
    before = stored(Learning())
    del before['horizon']
    del before['critic']['hidden']
    assert change_since(before, Learning(), 'f') == ''
    assert change_since(before, Learning(horizon=4), 'f') == 'horizon was 1 and is 4'


@pytest.mark.parametrize('unreadable', [{'momentum': 0.9}, {'critic': {'hidden': 'wide'}}])
def test_what_another_version_of_the_code_stored_is_named(unreadable):
    words = 'f.json: .*(momentum|hidden).* another version of the code: continue with that version'
    with pytest.raises(ConfigError, match=words):
        change_since(stored(Learning()) | unreadable, Learning(), 'f.json')


def test_the_first_change_is_named_by_its_path():
    before = {'a': {'b': [1, 2], 'c': 0.5}, 'd': 'x'}
    assert first_change(before, {'a': {'b': [1, 2], 'c': 0.5}, 'd': 'x'}) == ''
    assert first_change(before, {**before, 'a': {'b': [1, 3], 'c': 0.5}}) == (
        'a.b was [1, 2] and is [1, 3]'
    )
    assert first_change(before, {'a': before['a']}) == "d was 'x' and is None"
    assert first_change(before, {**before, 'e': 1}) == 'e was None and is 1'
