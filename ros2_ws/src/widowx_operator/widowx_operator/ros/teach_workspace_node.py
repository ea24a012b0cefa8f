# SPDX-License-Identifier: Apache-2.0
"""Teaches a station its workspace and table: a hand leads the arm, keys record its poses."""

from pathlib import Path
import time

from geometry_msgs.msg import Point
from interbotix_xs_msgs.srv import RegisterValues, TorqueEnable
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import JointState

from parl_files.error import ParlError
from parl_node.steady_timer import steady_timer
from widowx_description.arm import JOINT_NAMES
from widowx_operator.gripper_pose import gripper_pose, GripperPose, JointStateError
from widowx_operator.operator_task import load_operator_task
from widowx_operator.ros.station_call import StationCall
from widowx_operator.ros.tool import run_in_terminal
from widowx_operator.teaching import Teaching, TeachingError
from widowx_operator.terminal import Terminal

HELP = (
    'e corner of the workspace   m fingertip is on a mark   z take back   s show   w write',
    't let go of the arm / hold it again   q quit',
)
ARM = {'cmd_type': 'group', 'name': 'arm'}
MAX_STATE_AGE_S = 0.7
"""Wall time after which joint_states are too old; in lock-step they are repeated each 0.5 s."""


class SectionFileError(ParlError):
    """The taught sections cannot be written to the file."""


class TeachWorkspaceNode(Node):
    """Records poses of an arm that a hand leads, and pixels; writes sections of a task file."""

    def __init__(self, terminal: Terminal, **node_options: object) -> None:
        """Read the task; `node_options` are those of rclpy.

        Raises:
            ConfigError: The task file cannot be used.
            SectionFileError: The parameter `section_file` is empty, or the file exists already.
        """
        super().__init__('teach_workspace', **node_options)
        task_file = Path(str(self.declare_parameter('task_file', '').value))
        self._section_file = Path(str(self.declare_parameter('section_file', '').value))
        if self._section_file == Path():
            raise SectionFileError('parameter section_file is empty; give the path of a new file')
        if self._section_file.exists():
            raise SectionFileError(
                f'section_file {self._section_file} is there already; give the path of a new file'
            )
        self._teaching = Teaching(load_operator_task(task_file))
        self._terminal = terminal
        self._state: JointState | None = None
        self._state_at_s = 0.0
        self._typed = ''
        self._asked_to_let_go = False
        self._is_loose = False
        self.is_over = False
        services = {'torque_enable': TorqueEnable, 'get_motor_registers': RegisterValues}
        self._call = StationCall(self, services, terminal.say)
        self.create_subscription(
            JointState, 'joint_states', self._on_joints, qos_profile_sensor_data
        )
        # Where rqt_image_view publishes clicks; remap it for another viewer.
        self.create_subscription(Point, 'camera/color/image_raw_mouse_left', self._on_click, 10)
        steady_timer(self, 0.02, self._tick)
        for line in HELP:
            terminal.say(line)

    def _on_joints(self, message: JointState) -> None:
        self._state, self._state_at_s = message, time.monotonic()

    def _on_click(self, message: Point) -> None:
        self._give_pixel(message.x, message.y)

    def _tick(self) -> None:
        for key in self._terminal.take_keys():
            self._on_key(key)
        self.is_over |= self._terminal.is_closed
        held = 'loose' if self._is_loose else 'held'
        asks = f'   pixel u v: {self._typed}' if self._teaching.awaits_pixel else ''
        self._terminal.show(f'arm {held}{asks}')

    def _on_key(self, key: str) -> None:
        if self._teaching.awaits_pixel and key not in 'z':
            self._type(key)
            return
        has_asked, self._asked_to_let_go = self._asked_to_let_go, False
        if key in 'em':
            self._record(key)
        elif key == 'z':
            self._typed = ''
            self._terminal.say(self._teaching.undo())
        elif key == 's':
            self._show()
        elif key == 'w':
            self._write()
        elif key == 't':
            self._hold_or_let_go(has_asked)
        elif key == 'q':
            self._quit()
        else:
            self._terminal.say(f'key {key!r} means nothing here; {"   ".join(HELP)}')

    def _record(self, key: str) -> None:
        try:
            pose = self._pose()
        except JointStateError as error:
            self._terminal.say(str(error))
            return
        record = self._teaching.add_corner if key == 'e' else self._teaching.touch
        self._terminal.say(record(pose))

    def _pose(self) -> GripperPose:
        age_s = time.monotonic() - self._state_at_s
        if self._state is None or age_s > MAX_STATE_AGE_S:
            raise JointStateError(
                'joint_states: no new message; does the arm or the simulation run in namespace '
                f'{self.get_namespace()}?'
            )
        return gripper_pose(self._state.name, self._state.position)

    def _type(self, key: str) -> None:
        if key != '\n':
            self._typed = self._typed[:-1] if key == '\x7f' else self._typed + key
            return
        typed, self._typed = self._typed, ''
        try:
            u, v = (float(word) for word in typed.replace(',', ' ').split())
        except ValueError:
            self._terminal.say(f'{typed!r} is not a pixel; type two numbers, as 301 243, or z')
            return
        self._give_pixel(u, v)

    def _give_pixel(self, u: float, v: float) -> None:
        try:
            self._terminal.say(self._teaching.give_pixel(u, v))
        except TeachingError as error:
            self._terminal.say(str(error))

    def _show(self) -> None:
        for line in self._teaching.report():
            self._terminal.say(line)

    def _write(self) -> None:
        self._show()
        try:
            self._section_file.write_text(self._teaching.section(), encoding='utf-8')
        except (ParlError, OSError) as error:
            self._terminal.say(f'nothing is written: {error}')
            return
        self._terminal.say(f'written: {self._section_file}')

    def _hold_or_let_go(self, has_asked: bool) -> None:
        if self._is_loose:
            self._set_torque(True)
        elif self.count_publishers('commands/joint_group'):
            self._terminal.say(
                'a node commands the arm (widowx_driver?) and would work against your hand: end '
                'that node, or move the arm through it'
            )
        elif has_asked:
            self._set_torque(False)
        else:
            self._asked_to_let_go = True
            self._terminal.say('SUPPORT THE ARM, it will fall; then press t again to let it go')

    def _set_torque(self, is_on: bool) -> None:
        # The answer is empty even if no servo received the command: only its register tells.
        def note(answer: RegisterValues.Response) -> None:
            values = list(answer.values)
            self._is_loose = values != [1] * len(JOINT_NAMES)
            if values == [is_on] * len(JOINT_NAMES):
                done = 'the arm holds' if is_on else 'the arm is loose: lead it by hand'
                self._terminal.say(done)
            else:
                self._terminal.say(
                    f'SUPPORT THE ARM: Torque_Enable reads {values} where '
                    f'{len(JOINT_NAMES)} joints should say {int(is_on)}; press t again'
                )

        def read_back(_: TorqueEnable.Response) -> None:
            self._is_loose = True  # until the servos report that they hold
            self._call('get_motor_registers', note, **ARM, reg='Torque_Enable')

        self._call('torque_enable', read_back, **ARM, enable=is_on)

    def _quit(self) -> None:
        if self._is_loose:
            self._terminal.say('the arm is loose: support it, press t so that it holds, then q')
        self.is_over = not self._is_loose


def main() -> None:
    """Run the tool until q, Ctrl-C or the end of its terminal."""
    run_in_terminal('teach_workspace', TeachWorkspaceNode)


if __name__ == '__main__':
    main()
