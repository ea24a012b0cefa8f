# SPDX-License-Identifier: Apache-2.0
"""A station whose time goes on with the wall clock, or step by step with its commands."""

from collections.abc import Callable
import time

from widowx_sim.scene.scene import TIMESTEP_S
from widowx_sim.station.pacing import LockstepGate, PacingConfig, RealtimePacer, TICK_S
from widowx_sim.station.station import Station


class PacedStation:
    """Advances a station, and has its joints and camera frames published when they are due."""

    def __init__(
        self,
        station: Station,
        config: PacingConfig,
        measure_joints: Callable[[], None],
        publish_frame: Callable[[], None],
        send_joints: Callable[[], None],
    ) -> None:
        """Create the paced station; time stands still until the first `poll`.

        Args:
            station: the station to advance.
            config: how time goes on.
            measure_joints: prepares the joint state of the present time; called after each tick.
            publish_frame: publishes a frame; called at each control boundary (realtime: each
                camera period), after `send_joints` for the same time.
            send_joints: sends the joint states prepared since its last call. In lock-step these
                are the ones of a control period, at once: a receiver then wakes a few times for
                them and not once for each.
        """
        self._station = station
        self._measure_joints = measure_joints
        self._send_joints = send_joints
        self._publish_frame = publish_frame
        self._is_lockstep = config.pacing == 'lockstep'
        rate_hz = station.task.control_rate_hz if self._is_lockstep else config.camera_rate_hz
        self._frame_period_s = 1.0 / rate_hz
        self._next_frame_s = station.time_s + self._frame_period_s
        self._speed = config.speed
        self._gate = LockstepGate()
        self.poll_period_s = LockstepGate.REPUBLISH_AFTER_S / 5 if self._is_lockstep else TICK_S
        """Wall time between two calls of `poll` that are needed [s]."""
        self._pacer = RealtimePacer(config.speed)

    def poll(self, wall_s: float) -> None:
        """Do what is due at wall time `wall_s` [s, monotonic]; call it each `poll_period_s`."""
        if not self._is_lockstep:
            for _ in range(self._pacer.take_due_ticks(wall_s)):
                self._tick()
        elif self._gate.take_republish(wall_s):
            self._measure_joints()
            self._publish_boundary()

    def reset(self, seed: int) -> None:
        """Begin an episode, publish its first boundary and forget the commands that wait."""
        self._station.reset(seed)
        self._next_frame_s = self._station.time_s
        self._measure_joints()
        self._publish_boundary()

    def stall(self, duration_s: float) -> None:
        """Let time pass in which nothing is published or received, as while the bus is busy.

        In lock-step the clock stands still anyway. Otherwise it goes on as before, and the camera
        takes its next frame at the usual time.

        Args:
            duration_s: simulated time [s].
        """
        if self._is_lockstep:
            return
        self._station.advance(duration_s)
        time.sleep(duration_s / self._speed)
        self._pacer.note_advanced(duration_s)

    def note_command(self, motors: list[int]) -> None:
        """Note a command; when arm and gripper both have one, let the control period run.

        A refused or lost command counts too: the real arm would also hold while time goes on.

        Args:
            motors: motors of the command; one for a single arm joint does not count.
        """
        if set(range(6)) <= set(motors):
            self._gate.note_arm()
        if 6 in motors:
            self._gate.note_gripper()
        self._run_period_if_complete()

    def _run_period_if_complete(self) -> None:
        if self._is_lockstep and self._gate.is_open():
            for _ in range(round(self._frame_period_s / TICK_S)):
                self._tick()

    def _tick(self) -> None:
        self._station.advance(TICK_S)
        self._measure_joints()
        if self._is_frame_due():
            self._publish_boundary()
        elif not self._is_lockstep:
            self._send_joints()

    def _publish_boundary(self) -> None:
        self._send_joints()
        self._publish_frame()
        while self._is_frame_due():
            self._next_frame_s += self._frame_period_s
        self._gate.begin(time.monotonic())

    def _is_frame_due(self) -> bool:
        return self._station.time_s >= self._next_frame_s - 0.5 * TIMESTEP_S
