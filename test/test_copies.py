# SPDX-License-Identifier: Apache-2.0
"""The arm's facts against what is kept apart from them: the simulation's own, MJCF and URDF.

The simulation does not import widowx_description on purpose: a number that is wrong in one of them
is found here, and not by an arm that follows its own mistake.
"""

from pathlib import Path
import xml.etree.ElementTree as ElementTree

import mujoco
import numpy as np
import pytest

from parl_policy.episode import action_space, observation
from widowx_description import arm, finger
from widowx_description.kinematics import end_effector_pose
from widowx_driver.arm import pose
from widowx_driver.arm.model import arm_mjcf
from widowx_driver.driver_config import DriverConfig
import widowx_sim
from widowx_sim.scene import start_pose
from widowx_sim.servos import wx250s

ROOT = Path(__file__).parents[1]
URDF = ROOT / 'ros2_ws/src/widowx_description/urdf/wx250s.urdf'
MJCF = Path(widowx_sim.__file__).parent / 'models/wx250s.xml'
FINGERS = (finger.LEFT_FINGER_NAME, finger.RIGHT_FINGER_NAME)
# The vendor's description has its limits in degrees, the copies in radians of six digits.
LIMIT_RAD = 1e-5


class UrdfArm:
    """Joints and shapes of the URDF."""

    def __init__(self):
        root = ElementTree.parse(URDF).getroot()
        self.joints = {joint.get('name'): joint for joint in root.findall('joint')}
        self.links = {link.get('name'): link for link in root.findall('link')}
        self._above = {joint.find('child').get('link'): joint for joint in root.findall('joint')}

    def origin(self, name):
        return numbers(self.joints[name].find('origin'), 'xyz')

    def axis(self, name):
        return numbers(self.joints[name].find('axis'), 'xyz')

    def limits(self, name):
        limit = self.joints[name].find('limit')
        return [float(limit.get(key)) for key in ('lower', 'upper')]

    def speed(self, name):
        return float(self.joints[name].find('limit').get('velocity'))

    def offset(self, link, base):
        """Where a link's frame lies in another one, while the joints between them stand at 0."""
        offset = np.zeros(3)
        while link != base:
            joint = self._above[link]
            offset = offset + self.origin(joint.get('name'))
            link = joint.find('parent').get('link')
        return offset

    def pad(self):
        """Middle and half lengths of the left finger's shape, in gripper_link; finger at 0."""
        (visual,) = self.links['left_finger_link'].findall('visual')
        middle = numbers(visual.find('origin'), 'xyz')
        half = numbers(visual.find('geometry/box'), 'size') / 2
        return self.offset('left_finger_link', 'gripper_link') + middle, half

    def end_effector(self):
        return self.offset('ee_gripper_link', 'gripper_link')


class MjcfArm:
    """The same of the simulation's model."""

    def __init__(self):
        self.model = mujoco.MjModel.from_xml_path(str(MJCF))
        self.joints = [self.model.joint(i).name for i in range(self.model.njnt)]

    def origin(self, name):
        return self.model.body_pos[self.model.joint(name).bodyid[0]]

    def axis(self, name):
        return self.model.joint(name).axis

    def limits(self, name):
        return self.model.joint(name).range

    def pad(self):
        pad = self.model.geom('left_pad')
        return self.origin('left_finger') + pad.pos, pad.size

    def end_effector(self):
        return self.model.site('ee_gripper').pos


def numbers(element, key):
    return np.array([0.0] * 3 if element is None else element.get(key).split(), dtype=float)


@pytest.fixture(params=[UrdfArm, MjcfArm], ids=['urdf', 'mjcf'])
def drawn(request):
    return request.param()


def test_the_joints_are_these(drawn):
    moving = [name for name in drawn.joints if name in (*arm.JOINT_NAMES, *FINGERS)]
    assert moving == [*arm.JOINT_NAMES, *FINGERS]
    assert arm.JOINT_NAMES == wx250s.ARM_JOINTS
    names = (*arm.JOINT_NAMES, finger.GRIPPER_NAME, *FINGERS)
    assert names == wx250s.JOINT_STATE_NAMES


@pytest.mark.parametrize('joint', arm.ARM_JOINTS, ids=arm.JOINT_NAMES)
def test_a_joint_stands_turns_and_stops_there(drawn, joint):
    np.testing.assert_allclose(drawn.origin(joint.name), joint.origin_m, atol=1e-9)
    np.testing.assert_allclose(drawn.axis(joint.name), joint.axis, atol=1e-9)
    limits = (joint.lower_rad, joint.upper_rad)
    np.testing.assert_allclose(drawn.limits(joint.name), limits, rtol=0, atol=LIMIT_RAD)


def test_limits_speed_and_rest_pose_of_the_simulated_servos():
    lower, upper = arm.joint_limits()
    np.testing.assert_allclose(wx250s.ARM_LOWER_RAD, lower, rtol=0, atol=LIMIT_RAD)
    np.testing.assert_allclose(wx250s.ARM_UPPER_RAD, upper, rtol=0, atol=LIMIT_RAD)
    assert wx250s.SLEEP_POSITIONS_RAD[:6] == tuple(arm.REST_JOINTS)
    assert wx250s.VELOCITY_LIMIT_RAD_S == arm.JOINT_SPEED_LIMIT_RAD_S
    # 0.229 rpm each, which the motor file rounds to whole counts.
    unit_rad_s = 0.229 * 2 * np.pi / 60
    counted = wx250s.VELOCITY_LIMIT_TICKS * unit_rad_s
    assert counted == pytest.approx(arm.JOINT_SPEED_LIMIT_RAD_S, abs=unit_rad_s)
    urdf = UrdfArm()
    speeds = [urdf.speed(name) for name in arm.JOINT_NAMES]
    np.testing.assert_allclose(speeds, arm.JOINT_SPEED_LIMIT_RAD_S, atol=1e-8)


def test_the_fingers_travel_alike(drawn):
    travel = (finger.FINGER_CLOSED_M, finger.FINGER_OPEN_M)
    assert travel == (wx250s.FINGER_CLOSED_M, wx250s.FINGER_OPEN_M)
    np.testing.assert_allclose(drawn.limits('left_finger'), travel)
    np.testing.assert_allclose(drawn.limits('right_finger'), [-travel[1], -travel[0]])


def test_the_end_effector_lies_between_the_fingers(drawn):
    offset = [arm.END_EFFECTOR_OFFSET_M, 0, 0]
    np.testing.assert_allclose(drawn.end_effector(), offset, atol=1e-9)


def test_a_finger_ends_there(drawn):
    middle, half = drawn.pad()
    ahead_m = middle[0] + half[0] - arm.END_EFFECTOR_OFFSET_M
    assert ahead_m == pytest.approx(finger.FINGERTIP_M, abs=1e-9)
    aside_m = np.hypot(finger.FINGER_OPEN_M + middle[1] + half[1], half[2])
    # Rounded up, by less than a tenth of a millimetre: a floor that is kept errs upwards.
    assert aside_m <= finger.FINGERTIP_ASIDE_M < aside_m + 1e-4


@pytest.mark.parametrize('whose', ['simulation', 'driver'])
def test_both_models_put_the_end_effector_where_the_description_does(whose):
    if whose == 'driver':
        model = mujoco.MjModel.from_xml_string(arm_mjcf())
        site = model.site(arm.END_EFFECTOR_SITE).id
    else:
        model = MjcfArm().model
        site = model.site('ee_gripper').id
    data, random = mujoco.MjData(model), np.random.default_rng(0)
    for joints in [arm.REST_JOINTS, *random.uniform(*arm.joint_limits(), size=(20, 6))]:
        data.qpos[:6] = joints
        mujoco.mj_kinematics(model, data)
        position, rotation = end_effector_pose(joints)
        np.testing.assert_allclose(data.site_xpos[site], position, atol=1e-9)
        np.testing.assert_allclose(data.site_xmat[site].reshape(3, 3), rotation, atol=1e-9)


def test_straight_down_is_one_rotation():
    np.testing.assert_array_equal(pose.STRAIGHT_DOWN, start_pose.STRAIGHT_DOWN)
    np.testing.assert_array_equal(pose.STRAIGHT_DOWN, observation.R_DOWN)


def test_the_largest_step_of_an_action_is_the_drivers_limit():
    config = DriverConfig()
    assert config.max_translation_step_m == action_space.MAX_TRANSLATION_M
    assert config.max_rotation_step_rad == action_space.MAX_ROTATION_RAD
