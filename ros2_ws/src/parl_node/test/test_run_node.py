# SPDX-License-Identifier: Apache-2.0
import pytest
import rclpy

from parl_files.error import ParlError
from parl_node.run_node import node_process, spin

pytestmark = pytest.mark.usefixtures('ros_domain_id')


def test_an_explained_error_is_one_line_and_exit_code_2(capsys):
    with pytest.raises(SystemExit) as stop, node_process('policy'):
        raise ParlError('data_folder is empty')
    assert stop.value.code == 2
    assert capsys.readouterr().err == 'policy: data_folder is empty\n'
    assert not rclpy.ok()


@pytest.mark.parametrize('kind', [ValueError, KeyError, OSError])
def test_any_other_error_is_a_bug_and_keeps_its_traceback(kind):
    with pytest.raises(kind, match='a defect'), node_process('policy'):
        raise kind('a defect')
    assert not rclpy.ok()


def test_ctrl_c_ends_quietly():
    with node_process('policy'):
        raise KeyboardInterrupt
    assert not rclpy.ok()


def test_ctrl_c_while_rclpy_takes_a_message_ends_quietly():
    """The shutdown makes the take fail with a RuntimeError that is nobody's fault."""
    with node_process('policy'):
        rclpy.shutdown()
        raise RuntimeError('Unable to convert call argument to Python object')


def test_a_runtime_error_of_a_node_at_work_is_shown():
    with pytest.raises(RuntimeError, match='a defect'), node_process('policy'):
        raise RuntimeError('a defect')
    assert not rclpy.ok()


def test_spin_destroys_the_node_when_the_context_ends():
    with node_process('policy'):
        node = rclpy.create_node('short_lived')
        node.create_timer(0.01, rclpy.shutdown)
        spin(node)
    with pytest.raises(Exception, match='destruction'):
        node.create_publisher(object, 'topic', 1)
