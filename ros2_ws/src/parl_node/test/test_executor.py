# SPDX-License-Identifier: Apache-2.0
"""The executor with real nodes; what it must do, rclpy's SingleThreadedExecutor does too."""

import threading
import time

import pytest
import rclpy
from rclpy.action import ActionClient, ActionServer, CancelResponse
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.parameter import Parameter
from rclpy.parameter_client import AsyncParameterClient
from rclpy.task import Future
from rosgraph_msgs.msg import Clock as ClockMessage
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import Trigger

from parl_msgs.action import RunEpisode
from parl_node.executor import NodeExecutor
from parl_node.joint_states import subscribe_to_joint_states

LIMIT_S = 100.0  # only a hang lasts so long


class Graph:
    """A node that is tested, a node beside it, and the executor of both."""

    def __init__(self):
        self.executor = NodeExecutor()
        self.node = self.add('tested')
        self.other = self.add('other')

    def add(self, name, **options):
        node = rclpy.create_node(name, **options)
        self.executor.add_node(node)
        return node

    def wait(self, is_done):
        end = time.monotonic() + LIMIT_S
        while not is_done():
            assert time.monotonic() < end, 'waited too long'
            self.executor.spin_once(timeout_sec=0.5)

    def connect(self, topic, callback, kind=String, depth=100):
        subscription = self.node.create_subscription(kind, topic, callback, depth)
        publisher = self.other.create_publisher(kind, topic, depth)
        self.wait(lambda: publisher.get_subscription_count() == 1)
        return publisher, subscription

    def close(self):
        nodes = self.executor.get_nodes()
        self.executor.shutdown()
        for node in nodes:
            node.destroy_node()


@pytest.fixture
def graph(ros_domain):
    graph = Graph()
    yield graph
    graph.close()


def test_messages_of_a_topic_come_in_order_and_those_of_the_first_topic_first(graph):
    heard = []
    first, _ = graph.connect('first', lambda message: heard.append(message.data))
    second, _ = graph.connect('second', lambda message: heard.append(message.data))
    for index in range(5):
        second.publish(String(data=f'b{index}'))
        first.publish(String(data=f'a{index}'))
    time.sleep(0.5)  # until the middleware has them all; the executor does not run meanwhile
    graph.wait(lambda: len(heard) == 10)
    assert heard == [f'a{i}' for i in range(5)] + [f'b{i}' for i in range(5)]


def test_a_flood_does_not_stop_the_timers(graph):
    """A callback that answers each message with another one would else never end."""
    ticks = []
    publisher, _ = graph.connect('echo', lambda message: publisher.publish(message))
    graph.node.create_timer(0.01, lambda: ticks.append(0))
    publisher.publish(String(data='again'))
    graph.wait(lambda: len(ticks) >= 5)


def test_subscriptions_come_and_go(graph):
    heard = []
    publisher, subscription = graph.connect('words', lambda message: heard.append(message.data))
    publisher.publish(String(data='one'))
    graph.wait(lambda: heard == ['one'])
    graph.node.destroy_subscription(subscription)
    graph.wait(lambda: publisher.get_subscription_count() == 0)
    publisher.publish(String(data='nobody'))
    publisher, _ = graph.connect('others', lambda message: heard.append(message.data))
    publisher.publish(String(data='two'))
    graph.wait(lambda: heard == ['one', 'two'])


def test_a_callback_may_destroy_its_own_subscription(graph):
    heard = []

    def once(message):
        heard.append(message.data)
        graph.node.destroy_subscription(subscription)

    publisher, subscription = graph.connect('words', once)
    for word in ('one', 'two'):
        publisher.publish(String(data=word))
    time.sleep(0.2)
    graph.wait(lambda: publisher.get_subscription_count() == 0)
    assert heard == ['one']


def test_a_service_may_wait_for_another_and_that_for_a_future(graph):
    """Coroutines that wait for each other go on in one wake, without a message from outside."""
    ends, group = Future(), ReentrantCallbackGroup()

    async def inner(_, response):
        response.message = await ends
        return response

    async def outer(_, response):
        answer = await graph.other.create_client(Trigger, 'inner').call_async(Trigger.Request())
        response.message = f'heard {answer.message}'
        return response

    for name, callback in (('inner', inner), ('outer', outer)):
        graph.node.create_service(Trigger, name, callback, callback_group=group)
    client = graph.other.create_client(Trigger, 'outer')
    graph.wait(client.service_is_ready)
    answer = client.call_async(Trigger.Request())
    graph.node.create_timer(0.2, lambda: ends.done() or ends.set_result('the end'))
    graph.wait(answer.done)
    assert answer.result().message == 'heard the end'


def test_a_group_that_excludes_waits_for_its_coroutine(graph):
    ends, group, calls = Future(), MutuallyExclusiveCallbackGroup(), []

    async def slow(_, response):
        calls.append('begins')
        await ends
        calls.append('ends')
        return response

    graph.node.create_service(Trigger, 'slow', slow, callback_group=group)
    client = graph.other.create_client(Trigger, 'slow')
    graph.wait(client.service_is_ready)
    answers = [client.call_async(Trigger.Request()) for _ in range(2)]
    ticks = []
    graph.node.create_timer(0.02, lambda: ticks.append(0))
    graph.wait(lambda: calls and len(ticks) > 5)
    assert calls == ['begins']
    ends.set_result(None)
    graph.wait(lambda: all(answer.done() for answer in answers))
    assert calls == ['begins', 'ends'] * 2


def test_an_action_is_played_and_cancelled(graph):
    moments: list[Future] = []

    async def play(handle):
        while not handle.is_cancel_requested:
            handle.publish_feedback(RunEpisode.Feedback(step=1))
            moments.append(Future())
            await moments[-1]
        handle.canceled()
        return RunEpisode.Result(reason='cancelled')

    def accept(_):
        return CancelResponse.ACCEPT

    graph.node.create_timer(0.02, lambda: moments and moments.pop().set_result(None))
    server = ActionServer(graph.node, RunEpisode, 'run_episode', play, cancel_callback=accept)
    client = ActionClient(graph.other, RunEpisode, 'run_episode')
    steps = []
    graph.wait(client.server_is_ready)
    goal = client.send_goal_async(RunEpisode.Goal(), steps.append)
    graph.wait(lambda: goal.done() and len(steps) >= 3)
    answer = goal.result().get_result_async()
    goal.result().cancel_goal_async()
    graph.wait(answer.done)
    assert answer.result().result.reason == 'cancelled'
    client.destroy()
    server.destroy()


def test_parameters_are_answered_while_messages_keep_the_node_busy(graph):
    """What is rarely asked is left out of most waits, but not for long."""
    publisher, _ = graph.connect('echo', lambda message: publisher.publish(message))
    publisher.publish(String(data='again'))
    client = AsyncParameterClient(graph.other, 'tested')
    graph.wait(client.services_are_ready)
    answer = client.get_parameters(['use_sim_time'])
    graph.wait(answer.done)
    assert answer.result().values[0].bool_value is False


def test_another_thread_may_make_a_task(graph):
    threads = []
    thread = threading.Thread(
        target=lambda: graph.executor.create_task(lambda: threads.append(threading.get_ident()))
    )
    thread.start()
    graph.wait(lambda: threads)
    thread.join()
    assert threads == [threading.get_ident()]


@pytest.mark.parametrize('is_coroutine', [False, True])
def test_an_error_in_a_callback_comes_out_of_the_executor(graph, is_coroutine):
    def fails(_):
        raise KeyError('a defect')

    async def fails_later(_):
        moment = Future()
        graph.executor.create_task(moment.set_result, None)
        await moment
        raise KeyError('a defect')

    publisher, _ = graph.connect('words', fails_later if is_coroutine else fails)
    publisher.publish(String(data='one'))
    with pytest.raises(KeyError, match='a defect'):
        graph.wait(lambda: False)


def test_an_idle_node_sleeps(graph):
    graph.wait(lambda: True)
    graph.executor.spin_once(timeout_sec=0.5)
    began = time.process_time()
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        graph.executor.spin_once(timeout_sec=end - time.monotonic())
    # Both nodes together; discovery of the test's own nodes goes on for a moment.
    assert time.process_time() - began < 0.2


@pytest.mark.parametrize('is_simulated', [True, False])
def test_in_simulated_time_the_clock_wakes_for_the_joint_states(graph, is_simulated):
    use_sim_time = Parameter('use_sim_time', value=is_simulated)
    node = graph.add('arm', parameter_overrides=[use_sim_time])
    heard = []
    subscribe_to_joint_states(node, lambda message: heard.append(message.header.stamp.nanosec))
    joints = graph.other.create_publisher(JointState, 'joint_states', 100)
    clock = graph.other.create_publisher(ClockMessage, '/clock', 10)
    # A node that waits on wall time, so that the executor wakes without the clock.
    graph.other.create_timer(0.01, lambda: None, clock=Clock(clock_type=ClockType.STEADY_TIME))
    graph.wait(lambda: joints.get_subscription_count() == 1)
    if is_simulated:
        graph.wait(lambda: clock.get_subscription_count() == 1)
    for tick in range(20):
        message = JointState()
        message.header.stamp.nanosec = tick
        joints.publish(message)
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        graph.executor.spin_once(timeout_sec=0.05)
    assert heard == ([] if is_simulated else list(range(20)))
    clock.publish(ClockMessage())
    graph.wait(lambda: heard == list(range(20)))
