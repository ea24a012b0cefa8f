# SPDX-License-Identifier: Apache-2.0
import pytest
import yaml

from parl_files.config_file import ConfigError
from widowx_operator.operator_task import load_operator_task


def test_reads_the_demos_task(task_file):
    task = load_operator_task(task_file)
    assert task.control_period_s == pytest.approx(0.2)
    assert task.start.tolist() == [0.28, 0.02, 0.18]
    assert (task.max_tilt, task.max_yaw, task.image_size) == (0.30, 0.57, (640, 480))


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'control_rate_hz': 0}, 'control_rate_hz is 0; give a number above 0'),
        ({'control_rate_hz': True}, 'control_rate_hz is True'),
        ({'camera': {'width': 640}}, 'camera.height is missing'),
        ({'workspace': 3}, 'workspace is 3; give a mapping'),
        ({'start': {'position': [1, 2]}}, r'start.position is \[1, 2\]; give a list of 3'),
        ({'start': {'position': [1, 2, 'up']}}, r"start.position\[2\] is 'up'; give"),
    ],
)
def test_wrong_keys_are_named(task_file, tmp_path, changes, words):
    task = yaml.safe_load(task_file.read_text(encoding='utf-8'))
    path = tmp_path / 'task.yaml'
    path.write_text(yaml.safe_dump({**task, **changes}), encoding='utf-8')
    with pytest.raises(ConfigError, match=words):
        load_operator_task(path)
