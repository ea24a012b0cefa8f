# SPDX-License-Identifier: Apache-2.0
"""A policy of numbers, or one of a class of its own, is examined by what it has."""

import pytest

from parl_policy.acting.action_optimisation import ActionOptimisationConfig
from parl_policy.acting.actor_file import ActorConfig, version_to_bytes
from parl_policy.critics.critic import CriticConfig
from parl_policy.doctor import doctor
from parl_policy.policy import ActionSpec


@pytest.mark.parametrize('name', ['gaussian', 'flow', 'autoregressive'])
def test_a_policy_of_numbers_passes(monkeypatch, capsys, tmp_path, name):
    config = ActorConfig(
        policy_class=name,
        policy={'hidden': [16]} if name == 'gaussian' else {'hidden': 16},
        critic=CriticConfig(members=2, hidden=(16,)),
        optimisation=ActionOptimisationConfig(samples=4, particles=2),
        choice='argmax',
        observation_names=('x', 'y'),
        action_spec=ActionSpec(1, 7, binary=(6,)),
    )
    path = tmp_path / 'policy.safetensors'
    path.write_bytes(version_to_bytes(config, config.make_policy(), 'policy', 3))
    monkeypatch.setattr('sys.argv', ['parl-doctor', str(path), '--rate', '0.01'])
    with pytest.raises(SystemExit) as stop:
        doctor.main()
    lines = capsys.readouterr().out.splitlines()
    assert stop.value.code == 0, lines
    assert 'not applicable memory: the policy class gives no estimate' in lines[0]
    found = {line[15:].partition(':')[0]: line[:14].strip() for line in lines}
    assert found == {
        'memory': 'not applicable',
        'image sensitivity': 'not applicable',
        'word sensitivity': 'not applicable',
        'distinct samples': 'ok',
        'first action': 'not applicable',
        'precision of learning': 'ok',
        'decision time': 'ok',
    }


@pytest.mark.parametrize(
    ('arguments', 'text'),
    [
        ([], 'give either a policy or --config'),
        (['a', '--config', 'b'], 'give either a policy or --config'),
        (['a', '--rate', '0'], '--rate must be above 0'),
    ],
)
def test_arguments_that_mean_nothing_are_refused(monkeypatch, capsys, arguments, text):
    monkeypatch.setattr('sys.argv', ['parl-doctor', *arguments])
    with pytest.raises(SystemExit) as stop:
        doctor.main()
    assert stop.value.code == 2
    assert text in capsys.readouterr().err


@pytest.mark.parametrize('content', [None, '{}', '{"model_type": "llava"}'])
def test_a_folder_of_another_kind_is_refused(monkeypatch, tmp_path, content):
    if content is not None:
        (tmp_path / 'config.json').write_text(content)
    monkeypatch.setattr('sys.argv', ['parl-doctor', str(tmp_path)])
    with pytest.raises(SystemExit, match=r'no checkpoint of a known kind .*openvla'):
        doctor.main()
