# SPDX-License-Identifier: Apache-2.0
"""A version as a checkpoint of its own: the same policy, in the released layout."""

import json
import shutil
import subprocess
import sys

import pytest
from tiny_vla import generator, make_policy, move_adapters, settings, SPEC, states, unread_tensors
import torch

from parl_policy.acting.action_optimisation import ActionOptimisationConfig
from parl_policy.acting.actor_file import ActorConfig, version_to_bytes
from parl_policy.critics.critic import CriticConfig
from parl_vla.export import export, ExportError
from parl_vla.openvla import checkpoint
from parl_vla.openvla.action_text import packed_log_probabilities
from parl_vla.openvla.checkpoint import read_files, stored_tensors


def write_version(path, folder, policy, policy_class='parl_vla.policies.openvla:OpenVLAPolicy'):
    is_vla = ':' in policy_class
    config = ActorConfig(
        policy_class=policy_class,
        policy=settings(folder, precision=policy.config.precision) if is_vla else {},
        critic=CriticConfig(members=2, hidden=(16,)),
        optimisation=ActionOptimisationConfig(),
        choice='argmax',
        observation_names=('a', 'b', 'c', 'd'),
        action_spec=SPEC,
        cameras={'camera': (28, 28)} if is_vla else {},
    )
    saved = policy if is_vla else config.make_policy()
    path.write_bytes(version_to_bytes(config, saved, 'policy', 3))
    return path


def log_probs(policy, bins):
    """Of the numbers of given actions, at three states."""
    prefix = policy._prefix(policy.encode(states(3)))
    llama = policy.network.language_model
    found = packed_log_probabilities(llama, prefix, policy.rules, bins)
    return found.masked_fill(~policy.rules.possible, 0.0).detach()


def test_an_exported_version_acts_as_it_did(tiny_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, 'SHARD_BYTES', 200_000)
    policy = make_policy(tiny_folder)
    move_adapters(policy)
    version = write_version(tmp_path / 'policy.safetensors', tiny_folder, policy)
    export(version, tmp_path / 'exported')
    exported = make_policy(tmp_path / 'exported')
    bins, _ = policy.draw(policy.encode(states(3)), torch.rand(3, 4, 7, generator=generator()))
    unlearnt = make_policy(tiny_folder)
    torch.testing.assert_close(
        log_probs(exported, bins), log_probs(policy, bins), atol=1e-5, rtol=1e-5
    )
    assert (log_probs(unlearnt, bins) - log_probs(policy, bins)).abs().max() > 0.1


def test_an_export_has_the_released_layout(tiny_folder, tmp_path):
    policy = make_policy(tiny_folder, precision='bfloat16')
    move_adapters(policy)
    version = write_version(tmp_path / 'policy.safetensors', tiny_folder, policy)
    export(version, tmp_path / 'exported')
    before, after = dict(stored_tensors(tiny_folder)), dict(stored_tensors(tmp_path / 'exported'))
    assert set(after) == set(before)
    assert {each.dtype for each in after.values()} == {torch.float32}
    unread = unread_tensors(policy.network)
    assert all(after[name].isnan().all() for name in unread), 'copied as they are'
    old, new = read_files(tiny_folder), read_files(tmp_path / 'exported')
    assert new.config == old.config | {'torch_dtype': 'float32'}
    assert (new.preprocessor, new.tokenizer) == (old.preprocessor, old.tokenizer)


def test_statistics_in_a_file_of_their_own_stay_there(tiny_folder, tmp_path):
    folder = shutil.copytree(tiny_folder, tmp_path / 'tuned')
    datasets = {'bridge_orig': read_files(folder).config['norm_stats']['bridge_orig']}
    (folder / 'dataset_statistics.json').write_text(json.dumps(datasets))
    policy = make_policy(folder)
    version = write_version(tmp_path / 'policy.safetensors', folder, policy)
    export(version, tmp_path / 'exported')
    assert read_files(tmp_path / 'exported').config['norm_stats'] == datasets


def test_what_cannot_be_exported_is_refused(tiny_folder, tmp_path):
    policy = make_policy(tiny_folder)
    version = write_version(tmp_path / 'policy.safetensors', tiny_folder, policy)
    with pytest.raises(ExportError, match='is there already; name a new folder'):
        export(version, tmp_path)
    other = write_version(tmp_path / 'other.safetensors', tiny_folder, policy, 'gaussian')
    with pytest.raises(ExportError, match='holds a GaussianPolicy, expected an OpenVLAPolicy'):
        export(other, tmp_path / 'exported')
    assert not (tmp_path / 'exported').exists()


def test_the_command_says_what_is_wrong(tmp_path):
    command = [sys.executable, '-m', 'parl_vla.export', str(tmp_path / 'none'), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert done.stderr.startswith('parl_vla.export: ')
