# SPDX-License-Identifier: Apache-2.0
import mujoco
import numpy as np
import pytest

from widowx_sim.scene.scene import build_model
from widowx_sim.scene.start_pose import solve_arm_positions, STRAIGHT_DOWN
from widowx_sim.scripted_expert import ExpertConfig
from widowx_sim.servos import wx250s
from widowx_sim.servos.command_error import CommandError


def _everything(station):
    state = station.joint_state()
    position, yaw = station.object_pose('cup')
    return np.concatenate([state.position, state.velocity, state.effort, position, [yaw]])


def _go_to(station, model, position, finger_m, steps):
    joints = solve_arm_positions(model, np.array(position), STRAIGHT_DOWN)
    station.command_arm(joints)
    station.command_gripper(finger_m)
    station.advance(0.2 * steps)


def test_same_seed_gives_the_same_state_to_the_last_bit(station, play_episode):
    station.reset(7)
    before, image = _everything(station), station.render()
    play_episode(ExpertConfig(jitter=0.3), 3, horizon=15)
    station.reset(7)
    np.testing.assert_array_equal(_everything(station), before)
    np.testing.assert_array_equal(station.render(), image)


def test_same_seed_and_commands_give_the_same_episode(station, play_episode):
    play_episode(ExpertConfig(jitter=0.2), 5, horizon=12)
    first = _everything(station)
    station.reset(6)
    play_episode(ExpertConfig(jitter=0.2), 5, horizon=12)
    np.testing.assert_array_equal(_everything(station), first)


def test_seeds_fill_the_range_of_starts(station):
    cup = station.task.scene['cup']
    starts = []
    for seed in range(30):
        station.reset(seed)
        position, yaw = station.object_pose('cup')
        starts.append([*position[:2], yaw])
    low, high = np.min(starts, axis=0), np.max(starts, axis=0)
    assert cup.x[0] <= low[0] < cup.x[0] + 0.02 < cup.x[1] - 0.02 < high[0] <= cup.x[1]
    assert cup.y[0] <= low[1] < cup.y[0] + 0.02 < cup.y[1] - 0.02 < high[1] <= cup.y[1]
    assert high[2] - low[2] > 4.0


def test_starts_at_rest_at_the_start_pose(station):
    station.reset(2)
    state = station.joint_state()
    np.testing.assert_allclose(
        station.end_effector_pose()[:3, 3], station.task.start.position, atol=5e-4
    )
    np.testing.assert_allclose(station.end_effector_pose()[:3, :3], STRAIGHT_DOWN, atol=2e-3)
    assert np.abs(state.velocity).max() < 1e-3
    assert state.position[7] == pytest.approx(0.037, abs=2e-4)
    assert not station.is_task_done()
    assert station.object_pose('cup')[0][2] == pytest.approx(0.0, abs=5e-4)


def test_time_goes_on_through_resets(station):
    before = station.time_s
    station.advance(0.2)
    station.reset(0)
    assert station.time_s > before + 0.2


def test_arm_arrives_when_its_profile_ends(station):
    goal = station.start_joints + np.array([0.3, 0.1, -0.1, 0.2, 0.1, -0.3])
    station.command_arm(goal)
    station.advance(0.1)
    # Halfway through the profile; the servo lags it by about 25 ms.
    assert 0.08 < station.joint_state().position[0] - station.start_joints[0] < 0.15
    assert station.joint_state().velocity[0] > 1.0
    station.advance(0.15)
    np.testing.assert_allclose(station.joint_state().position[:6], goal, atol=0.01)


def test_joint_state_reports_gravity_as_current(station):
    effort = station.joint_state().effort
    # Forearm, hand and fingers, 0.66 kg about 0.2 m ahead of the shoulder: about 1 to 2 N m.
    assert 500 < abs(effort[1]) < 1200
    assert abs(effort[0]) < 5
    np.testing.assert_array_equal(effort[7:], 0.0)


def test_joint_state_names_and_fingers(station):
    state = station.joint_state()
    assert len(wx250s.JOINT_STATE_NAMES) == len(state.position) == 9
    assert state.position[8] == -state.position[7]
    assert state.position[6] == pytest.approx(wx250s.horn_angle(state.position[7]))


@pytest.mark.parametrize(
    ('joint', 'value', 'words'),
    [(0, np.nan, 'waist command is nan'), (1, 2.5, 'shoulder command is 2.5'), (2, np.inf, 'inf')],
)
def test_a_bad_goal_is_named_and_ignored_by_its_servo_alone(station, joint, value, words):
    goal = station.start_joints.copy()
    goal[5] += 0.1
    expected = goal.copy()
    goal[joint] = value
    with pytest.raises(CommandError, match=words):
        station.command_arm(goal)
    station.advance(0.4)
    np.testing.assert_allclose(station.joint_state().position[:6], expected, atol=2e-3)


def test_a_command_of_the_wrong_length_moves_nothing(station):
    with pytest.raises(CommandError, match=r'shape \(5,\)'):
        station.command_arm(np.zeros(5))
    station.advance(0.4)
    np.testing.assert_allclose(station.joint_state().position[:6], station.start_joints, atol=2e-3)


@pytest.mark.parametrize('finger', [float('nan'), 0.05, -0.01])
def test_bad_gripper_command_is_named_and_the_gripper_holds(station, finger):
    with pytest.raises(CommandError, match='gripper command is'):
        station.command_gripper(finger)
    station.advance(0.4)
    assert station.joint_state().position[7] == pytest.approx(0.037, abs=3e-4)


def test_friction_alone_lifts_the_cup(station):
    model = build_model(station.task)
    station.reset(4)
    cup, _ = station.object_pose('cup')
    _go_to(station, model, [*cup[:2], 0.12], 0.037, 4)
    _go_to(station, model, [*cup[:2], 0.036], 0.037, 2)
    _go_to(station, model, [*cup[:2], 0.036], 0.010, 2)
    # It cannot close: the cup is between the pads.
    assert station.joint_state().position[7] == pytest.approx(0.029, abs=1e-3)
    _go_to(station, model, [*cup[:2], 0.12], 0.010, 3)
    lifted, _ = station.object_pose('cup')
    assert lifted[2] == pytest.approx(0.084, abs=5e-3)
    station.advance(5.0)
    held, _ = station.object_pose('cup')
    assert lifted[2] - held[2] < 2e-3


def test_cup_stands_on_the_rack(station):
    height = station.task.scene['rack'].height
    data = mujoco.MjData(build_model(station.task))
    data.qpos[:6] = station.start_joints
    data.ctrl[:6] = station.start_joints
    model = build_model(station.task)
    data.qpos[8:11] = [*station.task.scene['rack'].position, height + 0.01]
    for _ in range(400):
        mujoco.mj_step(model, data)
    assert data.qpos[10] == pytest.approx(height, abs=5e-4)
    assert data.body('cup').xmat[8] == pytest.approx(1.0, abs=1e-4)


def test_noise_free_expert_succeeds(play_episode):
    steps = [play_episode(ExpertConfig(), seed) for seed in range(12)]
    assert min(steps) > 0, f'failed seeds: {[s for s, n in enumerate(steps) if not n]}'
    assert max(steps) <= 30


def test_poor_aim_and_jitter_spoil_episodes(play_episode):
    config = ExpertConfig(aim_error_m=0.03, jitter=0.4)
    assert sum(play_episode(config, seed, horizon=30) > 0 for seed in range(8)) <= 5


def test_image_shows_the_cup_where_the_camera_model_says(station):
    station.reset(3)
    image = station.render().astype(int)
    assert image.shape == (480, 640, 3)
    red, green, blue = image[..., 0], image[..., 1], image[..., 2]
    rows, columns = np.nonzero((blue > 1.8 * red) & (blue > 1.8 * green) & (blue > 60))
    assert len(rows) > 500
    cup, _ = station.object_pose('cup')
    middle = np.linalg.inv(station.camera_pose()) @ [
        *cup[:2],
        0.5 * station.task.scene['cup'].height,
        1,
    ]
    pixel = station.camera_intrinsics() @ (middle[:3] / middle[2])
    np.testing.assert_allclose([columns.mean(), rows.mean()], pixel[:2], atol=5)


def test_image_shows_a_green_rack(station):
    image = station.render().astype(int)
    red, green, blue = image[..., 0], image[..., 1], image[..., 2]
    rows, columns = np.nonzero((green > 1.8 * red) & (green > 1.8 * blue) & (green > 50))
    assert len(rows) > 5000
    top = [*station.task.scene['rack'].position, station.task.scene['rack'].height, 1.0]
    middle = np.linalg.inv(station.camera_pose()) @ top
    pixel = station.camera_intrinsics() @ (middle[:3] / middle[2])
    np.testing.assert_allclose([columns.mean(), rows.mean()], pixel[:2], atol=8)


def test_the_wrist_camera_moves_with_the_gripper_and_changes_nothing_else(station):
    station.reset(3)
    fixed, first = station.render(), station.render_wrist()
    assert first.shape == (240, 320, 3)
    np.testing.assert_array_equal(station.render(), fixed)
    np.testing.assert_array_equal(station.render_wrist(), first)
    joints = station.motor_positions()[:6]
    joints[0] += 0.3
    station.command_arm(joints)
    for _ in range(5):
        station.advance(0.2)
    moved = np.abs(station.render_wrist().astype(int) - first).mean()
    still = np.abs(station.render().astype(int) - fixed).mean()
    assert moved > 2.0 * still > 0.0


def test_the_wrist_camera_looks_between_the_fingers(station):
    """Dark fingers left and right at the lower half, and the table between them."""
    station.reset(3)
    brightness = station.render_wrist().mean(2)
    left, middle, right = (
        brightness[150:160, 95:110],
        brightness[100:110, 150:170],
        brightness[150:160, 210:225],
    )
    assert max(left.mean(), right.mean()) < 60 < 150 < middle.mean()
