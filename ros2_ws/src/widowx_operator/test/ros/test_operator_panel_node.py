# SPDX-License-Identifier: Apache-2.0
"""The real panel against fakes of the station's services, keys through a terminal."""

from collections import Counter
import time

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
import pytest
from rclpy.action import ActionServer, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import Joy
from std_srvs.srv import SetBool, Trigger

from parl_files.config_file import ConfigError
from parl_msgs.action import RunEpisode
from parl_msgs.msg import EndEffectorTarget, EpisodeStatus, PictureFormat, Reward
from parl_msgs.srv import Act, LabelEpisode, Reset
from widowx_operator.ros.operator_panel_node import OperatorPanelNode, ParameterError

TRIGGERS = ('stop', 'resume', 'recover', 'park', 'policy/pause', 'policy/resume')


class FakeStation(Node):
    """Answers the operator's services and remembers in which order it was asked."""

    def __init__(self):
        super().__init__('fake_station')
        self.asked = []
        for name in TRIGGERS:
            self.create_service(Trigger, name, self._answer(name))
        self.create_service(LabelEpisode, 'label_episode', self._answer('label_episode', 'label'))
        self.create_service(SetBool, 'policy/take_over', self._answer('policy/take_over', 'data'))
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.episodes = self.create_publisher(EpisodeStatus, 'episode', latched)
        self.rewards = self.create_publisher(Reward, 'reward', 10)
        self.diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        self.gamepad = self.create_publisher(Joy, 'joy', 10)
        self.reset = self.create_client(Reset, 'reset')
        self.act = self.create_client(Act, 'operator/act')
        self.goals = []
        self.goal_response = GoalResponse.ACCEPT
        ActionServer(
            self,
            RunEpisode,
            'run_episode',
            self._on_goal,
            goal_callback=lambda _: self.goal_response,
        )

    def _answer(self, name, field=None):
        def answer(request, response):
            self.asked.append(name if field is None else (name, getattr(request, field)))
            response.success, response.message = True, f'{name} is done'
            return response

        return answer

    def _on_goal(self, handle: ServerGoalHandle):
        self.goals.append(handle.request)
        handle.succeed()
        return RunEpisode.Result()


def panel_node(desk, task_file, namespace='', **parameters):
    parameters = {'task_file': str(task_file), **parameters}
    return OperatorPanelNode(
        desk.terminal,
        namespace=namespace,
        parameter_overrides=[Parameter(name, value=value) for name, value in parameters.items()],
    )


@pytest.fixture
def station(ros_domain):
    return FakeStation()


@pytest.fixture
def graph(make_graph, desk, station, task_file):
    panel = panel_node(desk, task_file, answers_reset=True)
    graph = make_graph(station, panel)
    graph.panel = panel
    graph.wait(lambda: station.reset.service_is_ready() and station.act.service_is_ready())
    services = [*TRIGGERS, 'label_episode', 'policy/take_over']
    graph.wait(lambda: all(panel._call._clients[name].service_is_ready() for name in services))
    graph.wait(lambda: station.gamepad.get_subscription_count())
    return graph


def ask_for_action(graph, station, gripper=1.0):
    target = EndEffectorTarget(gripper=gripper)
    request = Act.Request(episode_id='e1', step=1, target=target)
    future = station.act.call_async(request)
    graph.wait(future.done)
    return future.result()


def test_one_key_stops_resumes_and_parks(graph, station):
    for keys, services in ((' ', ['policy/pause', 'stop']), ('c', ['policy/resume', 'resume'])):
        station.asked.clear()
        graph.desk.press(keys)
        graph.wait(lambda services=services: sorted(station.asked) == services)
    graph.press('p', 'park: park is done')
    assert station.asked[-1] == 'park'
    assert len(station.asked) == 3


def test_parking_discards_the_running_episode_first(graph, station):
    station.episodes.publish(EpisodeStatus(episode_id='e1', state=EpisodeStatus.RUNNING))
    graph.wait(lambda: 'e1 RUNNING' in graph.desk.read())
    graph.desk.press('p')
    graph.wait(lambda: len(station.asked) == 2)
    assert set(station.asked) == {('label_episode', 3), 'park'}


def test_recovery_needs_a_second_press(graph, station):
    graph.press('v', 'SUPPORT THE ARM')
    graph.press('y', 'label_episode is done')
    graph.press('v', 'SUPPORT THE ARM')
    graph.press('v', 'recover is done')
    assert Counter(station.asked)['recover'] == 1


@pytest.mark.parametrize(('key', 'label'), [('y', 1), ('n', 2), ('x', 3)])
def test_labels(graph, station, key, label):
    graph.press(key, 'label_episode is done')
    assert station.asked == [('label_episode', label)]


def test_take_over_is_given_back_and_ends_with_the_episode(graph, station):
    graph.press('t', 'policy/take_over is done')
    graph.press('t', 'policy/take_over is done')
    graph.press('t', 'policy/take_over is done')
    station.episodes.publish(EpisodeStatus(episode_id='e1', state=EpisodeStatus.FINISHED))
    graph.wait(lambda: 'e1 finished' in graph.desk.read())
    graph.press('t', 'policy/take_over is done')
    assert [data for _, data in station.asked] == [True, False, True, True]


@pytest.mark.parametrize(
    ('key', 'success', 'message'), [('\n', True, ''), ('x', False, 'refused by the operator')]
)
def test_reset_waits_for_the_operator(graph, station, key, success, message):
    answer = station.reset.call_async(Reset.Request(seed=3))
    graph.wait(lambda: 'PUT THE OBJECTS BACK' in graph.desk.read())
    assert not answer.done()
    graph.desk.press(key)
    graph.wait(answer.done)
    assert (answer.result().success, answer.result().message) == (success, message)
    graph.press('\n', 'nothing waits for ENTER')
    assert not station.asked


def test_reset_of_an_episode_that_ended_is_forgotten(graph, station):
    answers = [station.reset.call_async(Reset.Request()) for _ in range(2)]
    graph.wait(answers[0].done)
    assert 'a newer reset' in answers[0].result().message
    station.episodes.publish(EpisodeStatus(state=EpisodeStatus.FINISHED))
    graph.wait(answers[1].done)
    assert 'the episode is over' in answers[1].result().message


def test_acts_by_keys_and_keeps_the_gripper(graph, station):
    assert list(ask_for_action(graph, station).actions) == [0.0] * 6 + [1.0]
    graph.press('Wgz', "key 'z' means nothing")
    answer = ask_for_action(graph, station)
    assert answer.success
    assert list(answer.actions) == [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0]
    assert list(ask_for_action(graph, station, gripper=0.0).actions) == [0.0] * 6 + [-1.0]


def test_episode_begins_with_the_first_motion(graph, station):
    target = EndEffectorTarget(gripper=1.0)
    first = station.act.call_async(Act.Request(step=0, target=target))
    graph.wait(lambda: 'YOU ACT | move to begin' in graph.desk.read())
    graph.press('q', 'the episode needs your')
    assert not first.done()
    graph.press('Wz', "key 'z'")
    graph.wait(first.done)
    assert list(first.result().actions) == [0.0] * 6 + [1.0]
    assert list(ask_for_action(graph, station).actions) == [1.0] + [0.0] * 5 + [1.0]


def test_episode_that_waits_for_the_first_motion_can_be_discarded(graph, station):
    first = station.act.call_async(Act.Request(step=0))
    graph.wait(lambda: 'move to begin' in graph.desk.read())
    graph.press('x', 'label_episode is done')
    graph.wait(first.done)
    second = station.act.call_async(Act.Request(step=0))
    graph.wait(lambda: graph.panel._act_server.awaits_first_motion)
    station.episodes.publish(EpisodeStatus(state=EpisodeStatus.FINISHED))
    graph.wait(second.done)


def test_actions_come_at_the_pace_of_the_control_rate(graph, station):
    ask_for_action(graph, station)
    began = time.monotonic()
    for _ in range(3):
        ask_for_action(graph, station)
    assert time.monotonic() - began >= 3 * 0.16


def test_gamepad_acts_and_labels(graph, station):
    station.gamepad.publish(Joy(axes=[0.0, 0.5, 0.0, 0.0], buttons=[0, 0, 0, 1] + [0] * 11))
    graph.wait(lambda: station.asked == [('label_episode', 1)])
    assert list(ask_for_action(graph, station).actions[:2]) == [0.5, 0.0]


def test_trouble_and_verdict_are_on_the_screen_while_they_last(graph, station):
    def diagnose(level):
        status = DiagnosticStatus(name='driver', level=level, message='elbow: overload')
        station.diagnostics.publish(DiagnosticArray(status=[status]))

    graph.wait(lambda: station.diagnostics.get_subscription_count())
    diagnose(DiagnosticStatus.ERROR)
    station.rewards.publish(Reward(reason='cup is not on rack'))
    graph.wait(
        lambda: '! elbow: overload | idle | detector: cup is not on rack' in graph.desk.read()
    )
    seen = len(graph.desk.read())
    diagnose(DiagnosticStatus.OK)
    graph.wait(lambda: '\x1b[Kidle | detector' in graph.desk.read()[seen:])


def test_quit_not_while_acting(graph, station):
    ask_for_action(graph, station)
    graph.press('q', 'the episode needs your actions')
    assert not graph.panel.is_over
    graph.wait(lambda: not graph.panel._act_server.is_acting)
    graph.desk.press('q')
    graph.wait(lambda: graph.panel.is_over)


def test_closed_window_ends_the_panel(graph):
    graph.desk.leave()
    graph.wait(lambda: graph.panel.is_over)


def test_missing_services_and_bad_parameters_are_named(
    ros_domain, make_graph, desk, task_file, tmp_path
):
    graph = make_graph(panel_node(desk, task_file, namespace='nobody'))
    graph.press(' ', 'policy/pause: no such service in /nobody; is its node running?')
    assert 'stop: no such service' in desk.read()
    graph.press('b', 'run_episode: no such action; is the policy node running?')
    with pytest.raises(ConfigError, match='absent'):
        panel_node(desk, tmp_path / 'absent')
    with pytest.raises(ParameterError, match='demonstration_steps is 0'):
        panel_node(desk, task_file, demonstration_steps=0)
    with pytest.raises(ConfigError, match=r"cameras has 'camera:48'; give a name, height and"):
        panel_node(desk, task_file, cameras='camera:48')


@pytest.mark.parametrize(
    ('parameters', 'steps', 'pictures'),
    [
        ({}, 300, []),
        (
            {'cameras': 'camera:48x64', 'demonstration_steps': 7},
            7,
            [PictureFormat(camera='camera', height=48, width=64)],
        ),
    ],
)
def test_demonstrations_are_asked_for_as_the_parameters_say(
    make_graph, desk, station, task_file, parameters, steps, pictures
):
    panel = panel_node(desk, task_file, **parameters)
    graph = make_graph(station, panel)
    graph.wait(panel._recorder._client.server_is_ready)
    graph.press('b', 'over after 0 steps')
    (goal,) = station.goals
    assert (goal.purpose, goal.actor) == ('demonstration', 'operator/act')
    assert (goal.max_steps, list(goal.pictures)) == (steps, pictures)


def test_a_demonstration_that_is_refused_is_told(make_graph, desk, station, task_file):
    """The policy node refuses for many reasons and says which in its log."""
    panel = panel_node(desk, task_file)
    graph = make_graph(station, panel)
    graph.wait(panel._recorder._client.server_is_ready)
    station.goal_response = GoalResponse.REJECT
    graph.press('b', 'the policy node refused the episode; its log says why')
