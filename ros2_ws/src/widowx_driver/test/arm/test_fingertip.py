# SPDX-License-Identifier: Apache-2.0
import mujoco
import numpy as np
import pytest

from parl_files.config_file import ConfigError
from widowx_description.finger import FINGER_OPEN_M
from widowx_driver.arm.fingertip import fingertip_reach_m, floor_fault
from widowx_driver.arm.kinematics import InverseKinematics
from widowx_driver.arm.pose import join_tilt_and_yaw, Pose
from widowx_driver.driver_task import load_driver_task
from widowx_sim.scene.scene import build_model
from widowx_sim.scene.task_scene import load_task_scene


def test_reach_by_hand():
    assert fingertip_reach_m(0.0) == pytest.approx(0.015625)
    # 15.625 mm * 0.95534 + 38.3 mm * 0.29552
    assert fingertip_reach_m(0.30) == pytest.approx(0.026246, abs=1e-6)
    # Beyond 67.8 degrees the corner is on its way up again: sqrt(15.625^2 + 38.3^2).
    assert fingertip_reach_m(1.4) == pytest.approx(0.041364, abs=1e-6)


def test_no_corner_of_the_simulated_fingers_reaches_further(shipped_task):
    model = build_model(load_task_scene(shipped_task))
    data, inverse = mujoco.MjData(model), InverseKinematics(0.05)
    parts = [i for i in range(model.ngeom) if 'finger' in model.body(model.geom_bodyid[i]).name]
    assert len(parts) == 4
    lowest = []
    for angle in np.linspace(0.0, 2 * np.pi, 48, endpoint=False):
        tilt = 0.30 * np.array([np.cos(angle), np.sin(angle), 0.0])
        pose = Pose(position=np.array([0.28, 0.0, 0.1]), rotation=join_tilt_and_yaw(tilt, 0.0))
        data.qpos[:6] = inverse.solve_cold(pose)
        data.qpos[6:8] = FINGER_OPEN_M, -FINGER_OPEN_M
        mujoco.mj_kinematics(model, data)
        extents = [np.abs(data.geom_xmat[i][6:]) @ model.geom_size[i] for i in parts]
        lowest.append(np.min(data.geom_xpos[parts, 2] - extents) - 0.1)
    assert -min(lowest) == pytest.approx(fingertip_reach_m(0.30), abs=3e-4)
    assert -min(lowest) <= fingertip_reach_m(0.30)


def test_a_workspace_into_the_table_is_refused_with_value_and_remedy(task_file):
    assert floor_fault(0.025, 0.30) == ''  # 1.2 mm
    text = task_file.read_text(encoding='utf-8').replace('0.025]', '0.02]')
    task_file.write_text(text, encoding='utf-8')
    with pytest.raises(ConfigError) as error:
        load_driver_task(task_file)
    assert str(error.value) == (
        f'{task_file}: workspace.low z is 0.02 m: at max_tilt 0.3 rad an open finger would reach '
        '6.2 mm below the table (allowed: 2 mm); give at least 0.0243 m, or a smaller max_tilt'
    )
    task_file.write_text(text.replace('max_tilt: 0.30', 'max_tilt: 0.1'), encoding='utf-8')
    load_driver_task(task_file)
