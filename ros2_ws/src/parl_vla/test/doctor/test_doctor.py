# SPDX-License-Identifier: Apache-2.0
"""Every check passes on a whole model and finds the fault that it is for."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from parl_files.episode import Episode
from parl_files.episode_file import episode_to_bytes
from parl_files.recording.film import encode_losslessly, Film
from parl_policy.acting.actor_file import load_actor, version_to_bytes
from parl_policy.compute.memory import TooLittleMemoryError
from parl_policy.doctor import checks, doctor
from parl_policy.doctor.finding import Verdict
from parl_policy.doctor.probe import made_probe, ProbeError, recorded_probe
from parl_vla.adapters import lora
from parl_vla.openvla import base
from parl_vla.openvla.checkpoint import CONFIG


def run(monkeypatch, capsys, *arguments):
    """Run the program; return its exit status and the verdict and text of each check."""
    monkeypatch.setattr('sys.argv', ['parl-doctor', '--device', 'cpu', *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        doctor.main()
    lines = capsys.readouterr().out.splitlines()
    return stop.value.code, {
        line[15:].partition(':')[0]: (line[:14].strip(), line.partition(': ')[2]) for line in lines
    }


def wrong(found):
    return [name for name, (verdict, _) in found.items() if verdict == 'wrong']


def write_episode(path, action):
    """Write an episode of two steps with the same action and pictures of noise."""
    picture = np.random.default_rng(2).integers(0, 256, (40, 40, 3), np.uint8)
    film = Film((40, 40), np.arange(3.0), lambda: [encode_losslessly(picture)] * 3)
    episode = Episode(
        episode_id='a',
        purpose='demonstration',
        outcome='success',
        observation_names=('x', 'y'),
        observations=np.zeros((3, 2)),
        actions=np.tile(action, (2, 1)),
        proposed_actions=np.tile(action, (2, 1)),
        rewards=[-1.0, 0.0],
        terminated=[False, True],
        truncated=[False, False],
        stamps_s=np.arange(3.0),
        verdicts=[0, 0, 1],
        policy_versions=['', '', ''],
        instruction='put the cup on the rack',
        films={'camera': film},
    )
    path.write_bytes(episode_to_bytes(episode))
    return path


def examined(actor):
    """Return what the policy finds in itself, by the name of the check."""
    context = actor.policy.encode(actor.policy_needs.blank(2))
    return {each.check: each for each in actor.policy.examine(context)}


def test_a_whole_model_passes(monkeypatch, capsys, tmp_path, version, config_of, model):
    config = config_of(model)
    critic = tmp_path / 'critic.safetensors'
    critic.write_bytes(version_to_bytes(config, config.make_critic(), 'critic', 1))
    episode = write_episode(tmp_path / 'a.mcap', [0.0] * 6 + [1.0])
    options = ['--critic', critic, '--episode', episode, '--rate', 0.01]
    code, found = run(monkeypatch, capsys, version, *options)
    assert code == 0
    assert {verdict for verdict, _ in found.values()} == {'ok'}
    assert list(found) == [
        'memory', 'action statistics', 'image sensitivity', 'word sensitivity',
        'distinct samples', 'first action', 'precision of learning', 'token range',
        'precision of weights', 'unmerged and merged', 'decision time',
    ]  # fmt: skip
    assert 'with a critic, k = 8' in found['decision time'][1]


def test_a_projector_of_zeros_hides_the_picture(actor, config_of, model):
    probe = made_probe(config_of(model))
    assert checks.image_sensitivity(actor, probe).verdict == Verdict.OK
    with torch.no_grad():
        actor.policy.network.projector.fc3.weight.zero_()
    found = checks.image_sensitivity(actor, probe)
    assert found.verdict == Verdict.WRONG
    assert 'projector' in found.remedy
    assert checks.word_sensitivity(actor, probe).verdict == Verdict.OK


def test_a_tokenizer_that_knows_no_word_hides_the_instruction(actor, config_of, model):
    probe = made_probe(config_of(model))
    actor.policy.base.prompt._ids_of = lambda _: (1, 2, 3)
    assert checks.word_sensitivity(actor, probe).verdict == Verdict.WRONG
    assert checks.image_sensitivity(actor, probe).verdict == Verdict.OK


def test_a_collapsed_policy_is_found(actor, config_of, model):
    probe = made_probe(config_of(model))
    assert checks.distinct_samples(actor, probe).verdict == Verdict.OK
    actor.policy.rules = dataclasses.replace(actor.policy.rules, top_k=1)
    found = checks.distinct_samples(actor, probe)
    assert (found.verdict, found.found[:6]) == (Verdict.WRONG, '1 of 8')


def test_a_policy_that_acts_unlike_its_data_is_found(actor, config_of, model, tmp_path):
    config = config_of(model)
    near = recorded_probe(config, write_episode(tmp_path / 'a.mcap', [0.0] * 6 + [1.0]))
    assert checks.first_action(actor, near).verdict == Verdict.OK
    actor.policy.rules = dataclasses.replace(actor.policy.rules, top_k=1)
    far = recorded_probe(config, write_episode(tmp_path / 'b.mcap', [1.0] * 6 + [1.0]))
    assert checks.first_action(actor, far).verdict == Verdict.WRONG


def test_an_episode_without_the_camera_is_refused(config_of, model, tmp_path):
    config = dataclasses.replace(config_of(model), cameras={'camera': (40, 40), 'wrist': (40, 40)})
    path = write_episode(tmp_path / 'a.mcap', [0.0] * 7)
    with pytest.raises(ProbeError, match=r"lacks \['wrist'\].*same experiment"):
        recorded_probe(config, path)


def test_statistics_are_judged_before_loading(monkeypatch, capsys, version, model):
    content = json.loads((model / CONFIG).read_text())
    good = content['norm_stats'].pop('tiny')
    for datasets, text in (
        ({'other': good}, "'tiny' is not among"),
        ({'tiny': {'action': good['action'] | {'q99': [90.0] * 7}}}, 'ranges 90'),
    ):
        (model / CONFIG).write_text(json.dumps(content | {'norm_stats': datasets}))
        code, found = run(monkeypatch, capsys, version)
        assert (code, wrong(found)) == (1, ['action statistics'])
        assert text in found['action statistics'][1]
        assert found['all other checks'] == ('not applicable', 'it was not loaded')


def test_tokens_outside_of_the_actions_are_found(actor):
    assert examined(actor)['token range'].verdict == Verdict.OK
    rules = actor.policy.rules
    rows = actor.policy.network.language_model.lm_head.weight.shape[0]
    actor.policy.rules = dataclasses.replace(rules, ids=slice(rows - 255, rows + 1))
    context = actor.policy.encode(actor.policy_needs.blank(2))
    found = next(actor.policy.examine(context))
    assert (found.check, found.verdict) == ('token range', Verdict.WRONG)
    assert 'pad_to_multiple_of' in found.remedy
    actor.policy.rules = rules
    with torch.no_grad():
        actor.policy.network.language_model.lm_head.weight.fill_(torch.nan)
    assert examined(actor)['token range'].verdict == Verdict.WRONG


def test_a_type_that_was_not_asked_for_is_found(actor):
    assert examined(actor)['precision of weights'].verdict == Verdict.OK
    for each in actor.policy.trainable_parameters():
        each.data = each.data.to(torch.bfloat16)
    assert 'adapters bfloat16' in examined(actor)['precision of weights'].found
    assert examined(actor)['precision of weights'].verdict == Verdict.WRONG
    assert checks.learning_precision(actor).verdict == Verdict.WRONG


def test_a_merge_in_bfloat16_is_found(monkeypatch, model, config_of, write, tmp_path):
    actor = load_actor(write(tmp_path / 'a', config_of(model), change=0.5), None)[0]
    assert examined(actor)['unmerged and merged'].verdict == Verdict.OK
    exact = lora.merged_weight

    def rounded(layer, kind):
        return exact(layer, torch.bfloat16).to(kind)

    monkeypatch.setattr(lora, 'merged_weight', rounded)
    found = examined(actor)['unmerged and merged']
    assert found.verdict == Verdict.WRONG
    assert 'float32' in found.remedy


@pytest.mark.parametrize(('change', 'least', 'most'), [(1e-5, 0.8, 2.0), (0.5, 0.0, 0.05)])
def test_what_a_merge_in_bfloat16_would_lose_is_reported(
    model, config_of, write, tmp_path, change, least, most
):
    actor = load_actor(write(tmp_path / 'a', config_of(model, 'bfloat16'), change), None)[0]
    found = examined(actor)['unmerged and merged']
    lost = int(found.found.partition('would lose ')[2].partition('%')[0]) / 100
    assert least <= lost <= most
    assert found.verdict == Verdict.OK


def test_new_adapters_have_nothing_to_merge(model, config_of, write, tmp_path):
    actor = load_actor(write(tmp_path / 'a', config_of(model), change=0.0), None)[0]
    assert examined(actor)['unmerged and merged'].verdict == Verdict.NOT_APPLICABLE


def test_a_policy_that_does_not_fit_is_not_loaded(monkeypatch, capsys, version):
    loads = []
    monkeypatch.setattr(base, 'load_network', lambda *each: loads.append(each))
    base.load_base.cache_clear()
    code, found = run(monkeypatch, capsys, version, '--memory', 1e-4)
    assert (code, wrong(found), loads) == (1, ['memory'], [])
    assert 'bfloat16 or fewer samples' in found['memory'][1]


def test_a_base_that_does_not_fit_is_refused_before_loading(monkeypatch, model):
    monkeypatch.setattr(base, 'free_memory', lambda: 1000)
    monkeypatch.setattr(base, 'load_network', lambda *_: pytest.fail('was loaded'))
    with pytest.raises(TooLittleMemoryError, match=r'needs .*weights.* GB are free; set prec'):
        base.load_base(model, torch.float32)


def test_a_policy_that_is_too_slow_is_found(monkeypatch, capsys, version):
    code, found = run(monkeypatch, capsys, version, '--rate', 1e5)
    assert (code, wrong(found)) == (1, ['decision time'])


def test_a_folder_and_an_experiment_are_estimated(monkeypatch, capsys, model, tmp_path):
    code, found = run(monkeypatch, capsys, model)
    assert (code, list(found)) == (0, ['memory'])
    experiment = tmp_path / 'a.yaml'
    policy = {'model': str(model), 'unnorm_key': 'tiny', 'pictures': {'camera': {}}}
    learning = {'policy_class': 'parl_vla.policies.openvla:OpenVLAPolicy', 'policy': policy}
    experiment.write_text(json.dumps({'learning': learning}))
    code, found = run(monkeypatch, capsys, '--config', experiment)
    assert (code, list(found)) == (0, ['memory', 'action statistics'])
    assert run(monkeypatch, capsys, '--config', experiment, '--memory', 1e-5)[0] == 1


def test_the_base_of_an_edited_policy_is_examined(monkeypatch, capsys, config_of, model, tmp_path):
    plain = config_of(model)
    edited = dataclasses.replace(
        plain,
        policy_class='edited',
        policy={'base_class': plain.policy_class, 'base': plain.policy, 'hidden': [8]},
    )
    path = tmp_path / 'edited.safetensors'
    path.write_bytes(version_to_bytes(edited, edited.make_policy(), 'policy', 1))
    _, found = run(monkeypatch, capsys, path, '--rate', '0.01')
    names = ('memory', 'action statistics', 'token range', 'precision of weights')
    assert {found[name][0] for name in names} == {'ok'}
    code, found = run(monkeypatch, capsys, path, '--memory', '0.00001')
    assert (code, wrong(found)) == (1, ['memory'])
    assert found['all other checks'] == ('not applicable', 'it was not loaded')
