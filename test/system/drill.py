# SPDX-License-Identifier: Apache-2.0
"""A running graph that is broken on purpose, and a witness that keeps all that the arm does.

Times are the arm's own (joint_states stamps), and on a busy machine the simulation goes slower, so
that load only makes the drills longer.
"""

from itertools import pairwise
from pathlib import Path
import subprocess
import sys
import threading
import time

from diagnostic_msgs.msg import DiagnosticArray
from interbotix_xs_msgs.msg import JointGroupCommand
import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from sensor_msgs.msg import JointState

from parl_msgs.msg import EndEffectorTarget
from parl_msgs.srv import InjectFault
from parl_node.message_conversion import seconds
from widowx_description.arm import joint_limits
from widowx_sim.ros.sim_node import SimNode

LIMIT_S = 600.0  # only a hang lasts so long
HOLD_S = 0.3
STANDING_RAD = 0.01
FAILED_READ_RAD = -3.0
NAMESPACE = '/wx250s'
TASK_FILE = Path(__file__).parents[2] / 'ros2_ws/src/widowx_bringup/config/tasks/cup_to_rack.yaml'
FULL_SPEED, LEAST_SPEED = 0.8, 0.1
PROBE_S = 0.5


class Drill:
    """The simulated station in a thread of this process, other nodes as processes of their own."""

    def __init__(self, camera_rate_hz):
        self.speed = affordable_speed()
        parameters = {
            'task_file': str(TASK_FILE), 'pacing': 'realtime', 'speed': self.speed,
            'camera_rate_hz': camera_rate_hz, 'start_modes': 'vendor',
        }  # fmt: skip
        self.sim = SimNode(
            namespace=NAMESPACE,
            parameter_overrides=[Parameter(k, value=v) for k, v in parameters.items()],
        )
        self._sim_executor = SingleThreadedExecutor()
        self._sim_executor.add_node(self.sim)
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._spin_sim)
        self._thread.start()
        self.node = rclpy.create_node('drill', namespace=NAMESPACE)
        self.states, self.commands, self.executed, self.reports = [], [], [], []
        self.on_state = lambda: None
        self.begin_s, self._reports_before = 0.0, 0
        take = self.node.create_subscription
        take(JointState, 'joint_states', self._on_state, 50)
        take(JointGroupCommand, 'commands/joint_group', self._on_command, 50)
        take(EndEffectorTarget, 'executed_target', self._on_executed, 10)
        take(DiagnosticArray, '/diagnostics', self._on_report, 10)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self.processes = {}
        self.is_healthy = True

    def begin(self):
        """Forget what was seen before; the graph may have been drilled already."""
        # Until the drill is over: a graph that it leaves broken is not used again.
        self.is_healthy = False
        for seen in (self.commands, self.executed, self.reports):
            seen.clear()
        del self.states[:-1]
        self._reports_before = 0

    def end(self):
        """The last thing of a drill that all went well in."""
        self.assert_limits()
        self.is_healthy = True

    def _spin_sim(self):
        # Not spin(): an executor shut down while it spins may end its thread with an error.
        while not self._is_closing.is_set():
            self._sim_executor.spin_once(timeout_sec=0.05)

    @property
    def now_s(self):
        return stamp_s(self.states[-1]) if self.states else 0.0

    @property
    def joints(self):
        return np.array(self.states[-1].position[:6])

    def _on_state(self, message):
        self.states.append(message)
        self.on_state()

    def _on_command(self, message):
        self.commands.append((self.now_s, np.array(message.cmd)))

    def _on_executed(self, message):
        self.executed.append((self.now_s, message))

    def _on_report(self, message):
        self.reports.append(message.status[0].message)

    def start(self, module, **parameters):
        """Run a node as a process; one of that module that runs is not waited for."""
        parameters = {'use_sim_time': 'true', 'task_file': TASK_FILE, **parameters}
        words = [word for k, v in parameters.items() for word in ('-p', f'{k}:={v}')]
        command = [sys.executable, '-m', module, '--ros-args', '-r', f'__ns:={NAMESPACE}', *words]
        self.processes[module] = subprocess.Popen(command)

    def kill(self, module):
        """Kill -9 a process."""
        self.begin_fault()
        self.processes[module].kill()
        self.processes[module].wait()

    def inject(self, fault, **fields):
        """Break something."""
        self.begin_fault()
        reply = self.call(InjectFault, 'inject_fault', fault=fault, **fields)
        assert reply.success, reply.message

    def begin_fault(self):
        """What is said from now on is about the fault that follows."""
        self.begin_s, self._reports_before = self.now_s, len(self.reports)

    def wait(self, is_done, what):
        end = time.monotonic() + LIMIT_S
        while not is_done():
            assert time.monotonic() < end, f'waited {LIMIT_S} s for {what}: {self.reports[-3:]}'
            self._executor.spin_once(timeout_sec=0.02)

    def let_pass(self, duration_s):
        end = self.now_s + duration_s
        self.wait(lambda: self.now_s >= end, f'{duration_s} s')

    def call(self, service, name, **fields):
        client = self.node.create_client(service, name)
        self.wait(client.service_is_ready, name)
        reply = client.call_async(service.Request(**fields))
        self.wait(reply.done, name)
        return reply.result()

    def named(self, words):
        """Wait until /diagnostics has said so since the fault began."""
        self.wait(
            lambda: any(words in text for text in self.reports[self._reports_before :]),
            f'a report of {words!r}',
        )

    def last_moved_s(self):
        """When the arm was given other set-points for the last time."""
        changes = [
            at_s
            for (_, before), (at_s, joints) in pairwise(self.commands)
            if not np.array_equal(before, joints)
        ]
        return max(changes, default=0.0)

    def stood_after_s(self, joints=slice(0, 6)):
        """Time from the begin of the fault until the joints were where they stayed [s].

        Places, not speeds: what is limp may fall on the table and jolt those that hold.
        """
        read = self._read_states()
        end = np.array(read[-1].position[:6])
        moving = [
            stamp_s(state) - self.begin_s
            for state in read
            if np.max(np.abs((np.array(state.position[:6]) - end)[joints])) > STANDING_RAD
        ]
        return max(moving, default=-np.inf)

    def speed_after(self, since_s, until_s, joints=slice(0, 6)):
        return max(
            np.max(np.abs(np.array(state.velocity[:6])[joints]))
            for state in self.states
            if since_s <= stamp_s(state) <= until_s
        )

    def assert_limits(self):
        """No command ever left the limits of the joints, nor did the arm."""
        lower, upper = joint_limits(0.05)
        for _, joints in self.commands:
            assert np.all(np.isfinite(joints))
            assert np.all(joints >= lower - 1e-6)
            assert np.all(joints <= upper + 1e-6)
        readable = np.array([state.position[:6] for state in self._read_states()])
        lower, upper = joint_limits(-0.02)
        assert np.all(readable >= lower)
        assert np.all(readable <= upper)

    def _read_states(self):
        return [state for state in self.states if state.position[0] > FAILED_READ_RAD]

    def close(self):
        for process in self.processes.values():
            process.kill()
            process.wait()
        self._is_closing.set()
        self._thread.join()
        self._sim_executor.shutdown()
        self.sim.destroy_node()
        self._executor.shutdown()
        self.node.destroy_node()


def affordable_speed():
    """Simulated seconds in a second that nodes keep up with in what others leave of a core."""
    begin_s, cpu_begin_s = time.perf_counter(), time.thread_time()
    while time.perf_counter() < begin_s + PROBE_S:
        pass
    share = (time.thread_time() - cpu_begin_s) / (time.perf_counter() - begin_s)
    return float(np.clip(FULL_SPEED * share, LEAST_SPEED, FULL_SPEED))


class SharedDrill:
    """One graph for the drills of a file, each of which leaves it as it found it.

    After one that failed, or on a machine that got busier, there is a new graph for the next.
    """

    def __init__(self, start):
        self._start, self._drill = start, None

    def begin(self):
        if self._drill is not None and (
            not self._drill.is_healthy or self._drill.speed > 2.0 * affordable_speed()
        ):
            self.close()
        if self._drill is None:
            self._drill = self._start()
        self._drill.begin()
        return self._drill

    def close(self):
        if self._drill is not None:
            self._drill.close()
            self._drill = None


def stamp_s(message):
    return seconds(message.header.stamp)
