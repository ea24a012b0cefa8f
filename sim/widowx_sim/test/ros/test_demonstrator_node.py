# SPDX-License-Identifier: Apache-2.0
import time

from geometry_msgs.msg import Point
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter

from parl_msgs.msg import EndEffectorTarget, ObjectPositions
from parl_msgs.srv import Act
from widowx_sim.ros.demonstrator_node import DemonstratorNode


@pytest.fixture
def act(ros_domain, task_file):
    parameters = [Parameter('jitter', value=0.2), Parameter('task_file', value=str(task_file))]
    node = DemonstratorNode(parameter_overrides=parameters)
    client_node = rclpy.create_node('client')
    client = client_node.create_client(Act, 'demonstrator/act')
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    executor.add_node(client_node)

    def call(step, seed=1, episode='one', cup=(0.28, -0.1, 0.0)):
        target = EndEffectorTarget()
        position = target.pose.position
        position.x, position.y, position.z = 0.28, 0.02, 0.18
        objects = ObjectPositions(
            names=['cup', 'rack'],
            positions=[Point(x=cup[0], y=cup[1], z=cup[2]), Point(x=0.28, y=0.16, z=0.0)],
            visible=[True, True],
        )
        request = Act.Request(
            episode_id=episode,
            step=step,
            seed=seed,
            target=target,
            gripper_opening=1.0,
            objects=objects,
        )
        end = time.monotonic() + 100.0
        while not client.service_is_ready():
            executor.spin_once(timeout_sec=0.05)
            assert time.monotonic() < end
        future = client.call_async(request)
        executor.spin_until_future_complete(future, timeout_sec=100.0)
        return future.result()

    yield call
    executor.shutdown()
    client_node.destroy_node()
    node.destroy_node()


def test_acts_towards_the_cup(act):
    answer = act(0)
    assert answer.success
    assert len(answer.actions) == 7
    assert answer.actions[1] < -0.3
    assert answer.actions[6] == 1.0


def test_step_zero_forgets_the_episode_before(act):
    first = [list(act(step).actions) for step in range(3)]
    assert [list(act(step).actions) for step in range(3)] == first
    assert list(act(0, seed=2).actions) != first[0]


def test_episode_never_begun_is_refused_by_name(act):
    answer = act(3, episode='lost')
    assert not answer.success
    assert "'lost'" in answer.message
    act(0, episode='one')
    assert not act(1, episode='other').success


def test_unseen_cup_is_refused_by_name(act):
    answer = act(0, cup=(float('nan'), float('nan'), float('nan')))
    assert not answer.success
    assert 'cup has not been seen' in answer.message
