# SPDX-License-Identifier: Apache-2.0
"""Episodes as they should be."""

import re
import time

import numpy as np
from policy_bench import CAMERAS, LATCHED, LAYOUT, LIMIT_S, PERIOD_S, PICTURES, SEEING, START
import pytest
from rcl_interfaces.msg import Log
from rclpy.parameter import Parameter
from rclpy.qos import qos_profile_sensor_data
import torch
from visualization_msgs.msg import MarkerArray

from parl_files.config_file import ConfigError
from parl_files.episode_file import read_frames
from parl_files.recording.film import decode_picture
from parl_msgs.msg import EpisodeStatus
from parl_node.message_conversion import seconds, to_record
from parl_policy.acting.actor_file import load_actor
from parl_policy.ros import message_conversion as convert
from parl_policy.ros.policy_node import PolicyNode


def test_success_is_recorded_as_it_was_played(bench):
    bench.station.success_after = 3
    result = bench.play(max_steps=10)
    assert (result.success, result.outcome, result.reason) == (True, EpisodeStatus.SUCCESS, '')
    assert (result.steps, result.episode_return) == (3, -2.0)
    episode = bench.episode(result)
    assert (episode.episode_id, episode.purpose, episode.outcome) == ('e1', 'practice', 'success')
    assert episode.verdicts.tolist() == [1, 1, 1, 2]
    assert episode.terminated.tolist() == [False, False, True]
    np.testing.assert_allclose(np.diff(episode.stamps_s), PERIOD_S, atol=1e-6)
    assert list(episode.policy_versions) == [bench.version] * 3 + ['']
    assert episode.metadata['seed'] == 7
    assert tuple(episode.observation_names) == tuple(LAYOUT.names)
    assert bench.station.seeds == [7]
    assert [target.step for target in bench.station.targets] == [0, 1, 2]
    assert {target.header.frame_id for target in bench.station.targets} == {'wx250s/base_link'}
    bench.wait(lambda: len(bench.feedback) == 3 and bench.statuses[-1].outcome)
    assert [feedback.step for feedback in bench.feedback] == [0, 1, 2]
    assert all(np.isfinite(f.mean_q) and f.decision_ms > 0 for f in bench.feedback)
    states = [status.state for status in bench.statuses]
    assert states[-3:] == [
        EpisodeStatus.RESETTING,
        EpisodeStatus.RUNNING,
        EpisodeStatus.FINISHED,
    ]
    bench.wait(lambda: result.file.name in [artifact.name for artifact in bench.artifacts])
    bench.store.verify(result.file.name, to_record(result.file))


def test_a_device_that_there_is_not_is_named(ros_domain, tmp_path):
    (tmp_path / 'task.yaml').write_text('{robot: wx250s, control_rate_hz: 5.0}')
    given = {
        'task_file': str(tmp_path / 'task.yaml'),
        'data_folder': str(tmp_path),
        'device': 'gpu',
    }
    parameters = [Parameter(name, value=value) for name, value in given.items()]
    with pytest.raises(ConfigError, match="device is 'gpu', expected one of"):
        PolicyNode(parameter_overrides=parameters)


def test_an_evaluation_leaves_out_what_is_there_for_practice(bench):
    """The version stored twice, with and without the noise that practice asks for."""
    played = {}
    for least_std, purpose in ((0.0, 'practice'), (0.5, 'practice'), (0.5, 'evaluation')):
        torch.manual_seed(0)
        bench.put_version(9, least_std=least_std)
        result = bench.play(policy_version=9, purpose=purpose, optimise=False)
        played[least_std, purpose] = bench.episode(result).actions
    plain, explored, evaluated = played.values()
    np.testing.assert_array_equal(evaluated, plain)
    assert np.abs(explored - plain).max() > 0.1


def test_targets_leave_a_fixed_time_after_their_step_began(start_bench):
    bench = start_bench(target_delay_s=0.05)
    bench.version = bench.put_version(1)
    handle = bench.send(max_steps=2)
    bench.wait(lambda: bench.statuses[-1].state == EpisodeStatus.RUNNING)
    for step in range(2):
        end = time.monotonic() + LIMIT_S
        while len(bench.station.targets) == step and time.monotonic() < end:
            bench.station.time_s += 0.01
            bench.station.publish()
            bench.spin_for(0.05)
        began_s = seconds(bench.station.targets[step].header.stamp)
        left_s = bench.station.time_s - PERIOD_S  # the fake's time goes on with each target
        assert left_s - began_s >= 0.05 - 1e-6
    assert bench.result_of(handle).result.steps == 2


@pytest.mark.parametrize(('use_sim_time', 'begins_s'), [(True, 0.0), (False, 1000.45)])
def test_stamps_of_a_simulated_episode_begin_at_0(start_bench, use_sim_time, begins_s):
    """The first frame may be older than the control boundary, and its stamp was once negative."""
    bench = start_bench(use_sim_time=use_sim_time)
    bench.version = bench.put_version(1)
    bench.station.camera_lag_s = 0.05
    result = bench.play(max_steps=2, purpose='evaluation')
    assert result.outcome == EpisodeStatus.TIMEOUT, result.reason
    stamps = begins_s + np.array([0.0, 0.2, 0.4])
    np.testing.assert_allclose(bench.episode(result).stamps_s, stamps, atol=1e-6)
    frames = read_frames(bench.store.path(result.file.name))
    np.testing.assert_allclose([stamp_s for stamp_s, _ in frames['camera']], stamps, atol=1e-6)


def test_time_out_bootstraps(bench):
    result = bench.play(max_steps=4)
    assert (result.success, result.outcome) == (False, EpisodeStatus.TIMEOUT)
    episode = bench.episode(result)
    assert episode.rewards.tolist() == [-1.0] * 4
    assert episode.truncated.tolist() == [False] * 3 + [True]


def test_every_episode_keeps_its_film(start_bench):
    """In a simulation it is complete; a robot does not wait for a picture."""
    bench = start_bench(use_sim_time=True)
    bench.version = bench.put_version(1)
    result = bench.play(purpose='practice', max_steps=2)
    frames = read_frames(bench.store.path(result.file.name))
    assert list(frames) == ['camera']
    shades = [decode_picture(jpeg)[0, 0, 0] for _, jpeg in frames['camera']]
    assert shades == [0, 1, 2]


def test_a_policy_may_see_two_cameras(bench):
    bench.put_version(2, SEEING)
    episode = bench.episode(bench.play(pictures=PICTURES, max_steps=3))
    assert list(episode.observation_names) == SEEING.names
    assert {camera: film.size for camera, film in episode.films.items()} == CAMERAS
    np.testing.assert_allclose(episode.films['camera'].stamps_s, episode.stamps_s, atol=1e-6)
    for film in episode.films.values():
        np.testing.assert_array_equal([p.mean() for p in film], np.arange(4))


def test_executed_action_is_stored_and_built_upon(bench):
    bench.station.executed_share = 0.5
    episode = bench.episode(bench.play(max_steps=3))
    expected = episode.proposed_actions.copy()
    expected[:, :3] *= 0.5
    np.testing.assert_allclose(episode.actions, expected, atol=1e-5)
    assert np.abs(episode.proposed_actions[:, :3]).max() > 0.01
    standing = START.position
    for target, proposed in zip(bench.station.targets, episode.proposed_actions, strict=True):
        asked = convert.to_target(target).position
        np.testing.assert_allclose(asked, standing + 0.05 * proposed[:3], atol=1e-6)
        standing = standing + 0.5 * (asked - standing)


def test_same_seed_same_actions(bench):
    first = bench.episode(bench.play(seed=3))
    again = bench.episode(bench.play(episode_id='e2', seed=3))
    other = bench.episode(bench.play(episode_id='e3', seed=4))
    np.testing.assert_array_equal(first.proposed_actions, again.proposed_actions)
    assert not np.array_equal(first.proposed_actions, other.proposed_actions)


def test_verdict_of_an_older_episode_is_ignored(bench):
    bench.station.stale_verdict_of = 'e0'
    result = bench.play(max_steps=3)
    assert result.outcome == EpisodeStatus.TIMEOUT
    assert bench.episode(result).verdicts.tolist() == [1] * 4


def test_versions_change_only_between_episodes(bench):
    handle = bench.send(max_steps=6)
    bench.wait(lambda: bench.station.steps >= 2)
    newer = bench.put_version(2)
    first = bench.episode(bench.result_of(handle).result)
    assert list(first.policy_versions) == [bench.version] * 6 + ['']
    second = bench.episode(bench.play(episode_id='e2'))
    assert set(second.policy_versions) == {newer, ''}
    third = bench.episode(bench.play(episode_id='e3', policy_version=1))
    assert set(third.policy_versions) == {bench.version, ''}


def test_version_0_is_one_of_its_own_and_never_the_newest(bench):
    bench.lose_patience()
    assert 'policy version 0 is not in' in bench.play(policy_version=0, optimise=False).reason
    bench.be_patient()
    first = bench.put_version(0)
    episode = bench.episode(bench.play(episode_id='e2', policy_version=0, optimise=False))
    assert set(episode.policy_versions) == {first, ''}


def test_bare_policy_needs_no_critic(bench):
    for record in bench.store.list('critic'):
        bench.store.path(record.name).unlink()
    result = bench.play(optimise=False, max_steps=2)
    assert result.outcome == EpisodeStatus.TIMEOUT
    bench.wait(lambda: len(bench.feedback) == 2)
    assert np.isnan([feedback.mean_q for feedback in bench.feedback]).all()
    bench.lose_patience()
    assert 'critic version 1' in bench.play(episode_id='e2', optimise=True).reason


@pytest.mark.parametrize('has_products', [False, True])
def test_a_version_in_bfloat16_is_played_and_a_lack_of_such_products_is_said_once(
    bench, monkeypatch, has_products
):
    monkeypatch.setattr(torch.cpu, 'get_capabilities', lambda: {'amx_bf16': has_products})
    warnings = []
    bench.client.create_subscription(
        Log, '/rosout', lambda m: warnings.append(m.msg) if 'bfloat16' in m.msg else None, LATCHED
    )
    bench.put_version(2, precision='bfloat16')
    for name in ('e1', 'e2'):
        result = bench.play(episode_id=name, policy_version=2, max_steps=1)
        assert result.outcome == EpisodeStatus.TIMEOUT
    if not has_products:
        bench.wait(lambda: warnings)
        assert re.match('policy-.* asks for bfloat16, but .*: acting in float32', warnings[0])
    assert len(warnings) == (not has_products)


def test_candidates_are_shown_to_who_looks(bench):
    markers = []
    bench.client.create_subscription(
        MarkerArray, 'candidates', markers.append, qos_profile_sensor_data
    )
    bench.wait(lambda: bench.policy.count_subscribers('candidates') == 1)
    bench.play(max_steps=6)
    bench.wait(lambda: markers)
    candidates, chosen = markers[-1].markers
    assert len(candidates.points) == len(candidates.colors) == 4
    distances = [abs(p.x - chosen.pose.position.x) for p in candidates.points]
    assert min(distances) < 1e-9
    assert candidates.header.frame_id == 'wx250s/base_link'


def test_stored_episodes_are_announced_again_after_a_restart(start_bench):
    bench = start_bench()
    bench.put_version(1)
    name = bench.play().file.name
    again = start_bench()
    again.wait(lambda: name in [artifact.name for artifact in again.artifacts])


def test_a_chunk_is_played_open_loop(bench):
    """As the actor decides it, from the observations of steps 0, 3 and 6 alone."""
    bench.put_version(2, horizon=3)
    episode = bench.episode(bench.play(policy_version=2, max_steps=7, seed=5))
    (policy,) = [r for r in bench.store.list('policy') if r.version == 2]
    (critic,) = [r for r in bench.store.list('critic') if r.version == 2]
    actor, _, _ = load_actor(bench.store.path(policy.name), bench.store.path(critic.name))
    generator = torch.Generator().manual_seed(5)
    chunks = [actor.act(episode.observations[i].copy(), generator).action for i in (0, 3, 6)]
    expected = np.concatenate(chunks).reshape(-1, 7)[:7]
    np.testing.assert_allclose(episode.proposed_actions, expected, atol=1e-6)
