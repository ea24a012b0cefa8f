# SPDX-License-Identifier: Apache-2.0
"""How `ros2 launch` ends what the launch files start; the runner would end it well in any case."""

from pathlib import Path

import pytest
import yaml

PACKAGE = Path(__file__).parents[1]
ROOT = PACKAGE.parents[2]
OWN = {
    path.parent.name
    for source in ('ros2_ws/src', 'sim')
    for path in ROOT.glob(f'{source}/*/package.xml')
}
FILES = [*PACKAGE.glob('launch/*.yaml'), *ROOT.glob('sim/widowx_gazebo/launch/*.yaml')]


def nodes_of(path):
    actions = yaml.safe_load(path.read_text(encoding='utf-8'))['launch']
    return [
        child['node'] for action in actions for child in action.get('group', []) if 'node' in child
    ]


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.name)
def test_programs_that_may_be_missing_come_first(path):
    """It gives up at the first that is missing and leaves behind what it has just started."""
    is_own = [node['pkg'] in OWN for node in nodes_of(path)]
    assert is_own == sorted(is_own)


def test_simulated_arm_outlives_its_driver_at_its_slowest():
    sim, driver = (
        next(node for node in nodes_of(PACKAGE / 'launch/sim.launch.yaml') if node['name'] == name)
        for name in ('sim', 'driver')
    )
    assert sim['sigterm_timeout'] > driver['sigterm_timeout'] + driver['sigkill_timeout']


@pytest.mark.parametrize('name', ['sim', 'hardware'])
def test_driver_has_time_to_park_whichever_signal_comes_first(name):
    """A SIGINT that reaches only `ros2 launch` is not passed on in a terminal: SIGTERM follows."""
    nodes = nodes_of(PACKAGE / f'launch/{name}.launch.yaml')
    (driver,) = [node for node in nodes if node['name'] == 'driver']
    assert driver['sigterm_timeout'] >= 30.0
    assert driver['sigkill_timeout'] >= 30.0
