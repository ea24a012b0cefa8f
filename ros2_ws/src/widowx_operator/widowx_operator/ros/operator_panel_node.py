# SPDX-License-Identifier: Apache-2.0
"""The operator's panel in a terminal: acts on request, answers resets, labels, stops, parks."""

from pathlib import Path
import time

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import Joy
from std_srvs.srv import SetBool, Trigger

from parl_files.error import ParlError
from parl_msgs.msg import EpisodeStatus, Reward
from parl_msgs.srv import LabelEpisode
from parl_node.camera_parameter import camera_parameter
from parl_node.outcome_codes import outcome_of
from parl_node.steady_timer import steady_timer
from widowx_operator.gamepad import Gamepad, GamepadError
from widowx_operator.key_map import Command, command_of, HELP
from widowx_operator.operator_task import load_operator_task
from widowx_operator.panel_status import PanelStatus
from widowx_operator.ros.act_server import ActServer
from widowx_operator.ros.demonstration_recorder import DemonstrationRecorder
from widowx_operator.ros.reset_prompt import ResetPrompt
from widowx_operator.ros.station_call import StationCall
from widowx_operator.ros.tool import run_in_terminal
from widowx_operator.teleoperation import Teleoperation
from widowx_operator.terminal import Terminal

SERVICES = {
    'stop': Trigger,
    'resume': Trigger,
    'recover': Trigger,
    'park': Trigger,
    'policy/pause': Trigger,
    'policy/resume': Trigger,
    'policy/take_over': SetBool,
    'label_episode': LabelEpisode,
}
LABELS = {
    Command.SUCCESS: LabelEpisode.Request.SUCCESS,
    Command.FAILURE: LabelEpisode.Request.FAILURE,
    Command.DISCARD: LabelEpisode.Request.DISCARD,
}


class ParameterError(ParlError):
    """A parameter of the panel cannot be used."""


class OperatorPanelNode(Node):
    """Turns the operator's keys into calls of the station's services."""

    def __init__(self, terminal: Terminal, **node_options: object) -> None:
        """Read the task; `node_options` are those of rclpy.

        Raises:
            ConfigError: The task file or `cameras` cannot be used.
            ParameterError: `demonstration_steps` is below 1.
        """
        super().__init__('operator', **node_options)
        task_file = Path(str(self.declare_parameter('task_file', '').value))
        # A simulation puts its objects back itself: two servers would answer.
        answers_reset = bool(self.declare_parameter('answers_reset', False).value)
        max_steps = int(self.declare_parameter('demonstration_steps', 300).value or 0)
        if max_steps < 1:
            raise ParameterError(f'demonstration_steps is {max_steps}; give at least 1')
        period_s = load_operator_task(task_file).control_period_s
        self._terminal = terminal
        self._status = PanelStatus()
        self._teleoperation = Teleoperation()
        self._gamepad = Gamepad()
        self._act_server = ActServer(self, self._teleoperation, period_s)
        self._reset = ResetPrompt(self, terminal.say)
        if answers_reset:
            self._reset.serve()
        self._call = StationCall(self, SERVICES, terminal.say)
        pictures = camera_parameter(self)  # as in the experiment
        self._recorder = DemonstrationRecorder(self, max_steps, pictures, terminal.say)
        self._has_taken_over = False
        self._has_asked_to_recover = False
        self._troubles: dict[str, str] = {}
        self.is_over = False
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.create_subscription(EpisodeStatus, 'episode', self._on_episode, latched)
        self.create_subscription(Reward, 'reward', self._on_reward, 10)
        self.create_subscription(DiagnosticArray, '/diagnostics', self._on_diagnostics, 10)
        self.create_subscription(Joy, 'joy', self._on_joy, 10)
        steady_timer(self, 0.02, self._tick)
        for line in HELP:
            terminal.say(line)

    def _on_episode(self, message: EpisodeStatus) -> None:
        if message.state != EpisodeStatus.RUNNING:
            self._has_taken_over = False
            self._act_server.answer_now()
        if message.state != EpisodeStatus.RESETTING:
            self._reset.end('the episode is over')
        self._status.episode_id, self._status.state = message.episode_id, message.state
        self._status.outcome = outcome_of(message.outcome)

    def _on_reward(self, message: Reward) -> None:
        self._status.verdict = message.reason

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self._troubles.pop(status.name, None)
            if status.level != DiagnosticStatus.OK:
                self._troubles[status.name] = status.message
        self._status.trouble = '; '.join(self._troubles.values())

    def _on_joy(self, message: Joy) -> None:
        try:
            motion, keys = self._gamepad.read(message.axes, message.buttons)
        except GamepadError as error:
            self.get_logger().error(str(error), throttle_duration_sec=10.0)
            return
        self._teleoperation.hold_stick(motion, time.monotonic())
        for key in keys:
            self._on_key(key)

    def _tick(self) -> None:
        for key in self._terminal.take_keys():
            self._on_key(key)
        self.is_over |= self._terminal.is_closed
        self._act_server.answer_if_due()
        self._status.is_acting = self._act_server.is_acting
        self._status.awaits_first_key = self._act_server.awaits_first_motion
        self._status.awaits_reset = self._reset.is_waiting
        self._terminal.show(self._status.line())

    def _on_key(self, key: str) -> None:
        command = command_of(key)
        has_asked, self._has_asked_to_recover = self._has_asked_to_recover, False
        if self._teleoperation.press(key, time.monotonic()):
            return
        if command is None:
            self._terminal.say(f'key {key!r} means nothing here')
        elif command in LABELS:
            self._label(command)
        elif command is Command.RECOVER:
            self._recover(has_asked)
        else:
            self._obey(command)

    def _obey(self, command: Command) -> None:
        if command is Command.CONFIRM:
            if not self._reset.end():
                self._terminal.say('nothing waits for ENTER')
        elif command is Command.BEGIN:
            self._recorder.begin()
        elif command is Command.TAKE_OVER:
            self._take_over_or_give_back()
        elif command is Command.STOP:
            # The arm first, then the episode: no more steps are recorded of an arm that is held.
            self._call('stop')
            self._call('policy/pause')
        elif command is Command.RESUME:
            self._call('resume')
            self._call('policy/resume')
        elif command is Command.PARK:
            self._park()
        elif command is Command.QUIT:
            self._quit()

    def _label(self, command: Command) -> None:
        if command is Command.DISCARD and self._reset.end('refused by the operator'):
            return
        self._call('label_episode', label=LABELS[command])
        self._act_server.answer_now()  # else an episode that waits for a motion would not end

    def _park(self) -> None:
        if self._status.state == EpisodeStatus.RUNNING:
            self._label(Command.DISCARD)  # the way to the rest pose is no one's action
        self._call('park')

    def _take_over_or_give_back(self) -> None:
        wanted = not self._has_taken_over

        def note(answer: SetBool.Response) -> None:
            if answer.success:
                self._has_taken_over = wanted
            self._terminal.say(f'policy/take_over: {answer.message}')

        self._call('policy/take_over', note, data=wanted)

    def _recover(self, has_asked: bool) -> None:
        if has_asked:
            self._call('recover')
        else:
            self._has_asked_to_recover = True
            self._terminal.say('SUPPORT THE ARM, servos will be rebooted; then press v again')

    def _quit(self) -> None:
        if self._act_server.is_acting:
            self._terminal.say('the episode needs your actions; end it with y, n or x, then q')
        self.is_over = not self._act_server.is_acting


def main() -> None:
    """Run the panel until q, Ctrl-C or the end of its terminal."""
    run_in_terminal('operator', OperatorPanelNode)


if __name__ == '__main__':
    main()
