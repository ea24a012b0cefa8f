# SPDX-License-Identifier: Apache-2.0
"""What is missing, wrong or silent ends an episode with its name; nothing recorded is lost."""

import re
import subprocess

from action_msgs.msg import GoalStatus
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
import numpy as np
from policy_bench import IMPATIENT_S, PICTURES, SEEING
import pytest
from rclpy.task import Future

from parl_msgs.msg import EpisodeStatus, PictureFormat
from parl_msgs.srv import Act, Reset
from parl_policy.policies.diffusion import DiffusionPolicy
from parl_policy.ros.policy_node import PolicyNode


@pytest.mark.parametrize(
    ('fault', 'reason'),
    [
        ({'silent': {'image'}}, 'camera/color/image_raw: nothing came; is there a camera of'),
        ({'silent': {'wrist'}}, 'wrist_camera/color/image_raw: nothing came; is there a camera'),
        ({'encoding': 'yuv422'}, 'set the camera to rgb8 or bgr8'),
    ],
)
def test_pixels_that_do_not_come_are_named(bench, fault, reason):
    bench.put_version(2, SEEING)
    for name, value in fault.items():
        setattr(bench.station, name, value)
    bench.lose_patience()
    result = bench.play(pictures=PICTURES)
    assert result.outcome == EpisodeStatus.ABORTED
    assert reason in result.reason


def test_a_policy_is_not_given_what_it_was_not_trained_on(bench):
    result = bench.play(pictures=PICTURES)
    assert result.outcome == EpisodeStatus.ABORTED
    assert f'{bench.version} was trained on' in result.reason
    assert "'wrist_camera': (16, 16)" in result.reason
    assert not bench.station.seeds, 'nothing has moved'
    assert not bench.station.targets


@pytest.mark.parametrize(
    ('fault', 'words'),
    [
        ({'silent': {'objects', 'reward', 'image'}}, 'object_positions: nothing new'),
        ({'camera_s': 1000.5, 'time_s': 1010.0}, 'object_positions: nothing new'),
        ({'silent': {'joints'}}, 'joint_states: nothing new'),
        ({'silent': {'reward'}}, 'reward: none yet for the newest frame'),
        ({'silent': {'executed'}}, 'executed_target: none for step 2; is the driver running'),
        ({'freezes_after': 3}, 'time stands at'),
        ({'cup': (float('nan'), 0.0, 0.0)}, 'not finite in cup_from_ee_asinh_x'),
        ({'finger': float('nan')}, 'not finite in gripper_opening'),
        ({'finger': -np.pi}, 'not finite in gripper_opening'),
        ({'arm_fault': 'servo fault: elbow'}, 'the arm holds: servo fault: elbow'),
        ({'arm_fault': 'waist is off', 'did_not_follow': True}, 'the arm holds: waist is off'),
    ],
)
def test_bad_input_aborts_with_its_name_and_keeps_what_was_recorded(bench, fault, words):
    handle = bench.send(max_steps=20)
    bench.wait(lambda: bench.station.steps >= 2)
    for name, value in fault.items():
        setattr(bench.station, name, value)
    bench.lose_patience()
    answer = bench.result_of(handle)
    assert answer.status == GoalStatus.STATUS_ABORTED
    assert answer.result.outcome == EpisodeStatus.ABORTED
    assert words in answer.result.reason
    was_seen_or_done = 'cup' in fault or 'finger' in fault or 'did_not_follow' in fault
    assert answer.result.ends_so_again == was_seen_or_done
    episode = bench.episode(answer.result)
    assert (episode.outcome, episode.metadata['reason']) == ('aborted', answer.result.reason)
    assert len(episode) >= 1


def test_what_an_episode_waits_for_is_on_diagnostics(bench):
    reports = []
    bench.client.create_subscription(DiagnosticArray, '/diagnostics', reports.append, 10)

    def has_said(words):
        return any(words in report.status[0].message for report in reports)

    bench.wait(lambda: has_said('no episode is running'))
    handle = bench.send(max_steps=20)
    bench.wait(lambda: bench.station.steps >= 2)
    bench.station.silent = {'objects', 'reward', 'image'}
    bench.wait(lambda: has_said('s: object_positions: nothing new; are camera and reward'))
    assert reports[-1].status[0].level == DiagnosticStatus.WARN
    cancelled = handle.cancel_goal_async()
    bench.wait(cancelled.done)
    bench.result_of(handle)


@pytest.mark.parametrize(
    ('fault', 'words'),
    [
        ({'reset_message': 'the cup is under the table'}, 'reset failed: the cup is under'),
        ({'start_message': 'shoulder stalls'}, 'go_to_start failed: shoulder stalls'),
        ({'success_after': 0}, 'sees the task done before the first step'),
        ({'silent': {'joints', 'objects', 'reward', 'image'}}, 'nothing new|time stands at'),
    ],
)
def test_bad_start_aborts_without_a_file_and_the_next_episode_is_fine(bench, fault, words):
    before = {name: getattr(bench.station, name) for name in fault}
    for name, value in fault.items():
        setattr(bench.station, name, value)
    bench.lose_patience()
    result = bench.play()
    assert result.outcome == EpisodeStatus.ABORTED
    assert re.search(words, result.reason)
    assert result.ends_so_again == ('success_after' in fault)
    assert not result.file.name
    assert not bench.station.targets
    for name, value in before.items():
        setattr(bench.station, name, value)
    bench.be_patient()
    assert bench.play(episode_id='e2').outcome == EpisodeStatus.TIMEOUT


def test_missing_and_silent_services_are_named(start_bench):
    bench = start_bench(reset_timeout_s=IMPATIENT_S)
    bench.put_version(1)
    bench.lose_patience()
    bench.station.destroy_service(bench.station.reset_service)
    assert 'service reset does not exist; is its node running?' in bench.play().reason

    async def never(request, response):
        await Future()

    bench.station.create_service(Reset, 'reset', never)
    assert 'service reset does not answer' in bench.play().reason


def test_service_that_goes_away_is_not_waited_for(start_bench):
    bench = start_bench(reset_timeout_s=600.0)
    asked = []

    async def never(request, response):
        asked.append(request)
        await Future()

    bench.put_version(1)
    bench.station.destroy_service(bench.station.reset_service)
    service = bench.station.create_service(Reset, 'reset', never)
    handle = bench.send()
    bench.wait(lambda: asked)
    bench.station.destroy_service(service)
    reason = bench.result_of(handle).result.reason
    assert reason == 'service reset went away before it answered'


def test_missing_version_is_named(bench):
    bench.lose_patience()
    reason = bench.play(policy_version=5).reason
    assert 'policy version 5 is not in' in reason
    assert 'learner' in reason


def test_second_goal_and_senseless_goals_are_rejected(bench):
    handle = bench.send(max_steps=10)
    assert not bench.send(episode_id='e2').accepted
    assert bench.result_of(handle).result.outcome == EpisodeStatus.TIMEOUT
    assert not bench.send(episode_id='').accepted
    assert not bench.send(max_steps=0).accepted
    assert not bench.send(purpose='evaluatoin').accepted
    assert not bench.send(pictures=[PictureFormat(camera='camera', height=64)]).accepted
    assert not bench.send(pictures=[PictureFormat(height=64, width=64)]).accepted
    assert bench.send(episode_id='e2').accepted


def test_reset_that_takes_long_shows_signs_of_life(start_bench, monkeypatch):
    monkeypatch.setattr(PolicyNode, 'SIGN_OF_LIFE_S', 0.1)
    bench = start_bench(reset_timeout_s=1.0)

    async def never(request, response):
        await Future()

    bench.station.destroy_service(bench.station.reset_service)
    bench.station.create_service(Reset, 'reset', never)
    bench.put_version(1)
    assert 'service reset does not answer' in bench.play().reason
    states = [status.state for status in bench.statuses]
    assert states.count(EpisodeStatus.RESETTING) > 3


def test_action_of_a_wrong_shape_is_named(bench):
    def act(request, response):
        response.success, response.actions = True, [0.0] * 6
        return response

    bench.station.create_service(Act, 'demonstrator/act', act)
    assert 'action has shape (6,), expected (7,)' in bench.play(actor='demonstrator/act').reason


def test_a_policy_that_raises_aborts_the_episode_and_the_node_lives(bench, monkeypatch):
    sample = DiffusionPolicy.sample

    def raise_in_the_third_step(self, context, count, generator):
        if bench.station.steps == 2:
            raise RuntimeError('my network is unhappy')
        return sample(self, context, count, generator)

    monkeypatch.setattr(DiffusionPolicy, 'sample', raise_in_the_third_step)
    result = bench.play(max_steps=5)
    assert result.outcome == EpisodeStatus.ABORTED
    assert result.reason == 'RuntimeError: my network is unhappy'
    assert len(bench.episode(result)) == 2
    assert bench.statuses[-1].state == EpisodeStatus.FINISHED
    monkeypatch.undo()
    assert bench.play(episode_id='e2').outcome == EpisodeStatus.TIMEOUT


def test_full_disk_aborts_the_episode_and_the_node_lives(bench):
    folder = str(bench.store.folder)
    put = ['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder]
    try:
        mounted = subprocess.run(put, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip('no mount command')
    if mounted.returncode != 0:
        pytest.skip(f'may not mount a tiny disk here: {mounted.stderr.strip()}')
    try:
        bench.put_version(1)
        ballast = bench.store.folder / 'ballast'
        with pytest.raises(OSError, match='No space left'), ballast.open('wb') as file:
            file.write(bytes(2 << 20))
        result = bench.play()
        assert result.outcome == EpisodeStatus.ABORTED
        assert 'e1 is not stored' in result.reason
        assert 'No space left' in result.reason
        assert not result.file.name
        ballast.unlink()
        assert bench.episode(bench.play()).outcome == 'timeout'
    finally:
        subprocess.run(['umount', folder], check=True)
