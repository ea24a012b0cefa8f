# SPDX-License-Identifier: Apache-2.0
"""The arm's long jobs: move to the start pose, move to the rest pose, recover servos."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from widowx_driver.arm.state import ArmState
from widowx_driver.driver_config import DriverConfig
from widowx_driver.driver_task import DriverTask
from widowx_driver.motion.recovery import Recovery
from widowx_driver.motion.rest import RestMotion
from widowx_driver.motion.slow import MotionResult, SlowMotion
from widowx_driver.motion.start import StartMotion
from widowx_driver.safety.command import Command
from widowx_driver.safety.shell import SafetyShell
from widowx_driver.servos.keeper import ServoKeeper

ANSWERING_LIMIT_S = 2.0
"""Wall time that go_to_start waits for servos that did not answer, as after a drop-out, and for
the first joint state after a reset."""
PREPARING_LIMIT_S = 60.0
"""Wall time that go_to_start waits for the servos to be prepared and the backend to be ready."""


class Promise(Awaitable, Protocol):
    """A future of the executor that runs the coroutines."""

    def set_result(self, result: object) -> None:
        """Resume the coroutine that waits."""
        ...


class Station(Protocol):
    """What the jobs need of the node."""

    @property
    def newest_state(self) -> ArmState | None:
        """Newest measured state."""
        ...

    def now_s(self) -> float:
        """Return the time of the node clock [s]."""
        ...

    def sending_fault(self) -> str:
        """Return why set-points do not reach the arm, or an empty string."""
        ...

    def send(self, command: Command) -> None:
        """Send set-points in answer to the newest state."""
        ...


class ArmJobs:
    """Runs one slow motion at a time; a newer job replaces the one that runs."""

    def __init__(
        self,
        station: Station,
        shell: SafetyShell,
        config: DriverConfig,
        task: DriverTask,
        servos: ServoKeeper,
        make_promise: Callable[[], Promise],
        wall_clock_s: Callable[[], float],
    ) -> None:
        """Create the jobs; none runs yet."""
        self._station = station
        self._shell = shell
        self._servos = servos
        self._make_promise = make_promise
        self._wall_clock_s = wall_clock_s
        self._to_start = StartMotion(shell, config, task)
        self._to_rest = RestMotion(shell, config, task, lambda: servos.health.limp)
        self._recovery = Recovery(
            servos.health, lambda: self._go(self._to_rest), self._reboot, wall_clock_s
        )
        self._motion: SlowMotion = self._to_start
        self._result: Promise | None = None
        self._polls: list[Promise] = []

    def may_let_go(self) -> bool:
        """Tell whether the arm is known to lie in its rest pose."""
        state = self._station.newest_state
        return state is not None and not state.fault and self._to_rest.rests(state)

    async def go_to_start(self, since_s: float) -> MotionResult:
        """Move the arm to its start pose, after the servos are prepared and recovered.

        Args:
            since_s: Joint states from before do not count, as the scene was put back then [s].
        """
        await self._until(lambda: self._servos.is_prepared, PREPARING_LIMIT_S)
        await self._until(lambda: not self._station.sending_fault(), PREPARING_LIMIT_S)
        await self._until(lambda: self._servos.health.answers, ANSWERING_LIMIT_S)
        await self._until(lambda: self._has_state_since(since_s), ANSWERING_LIMIT_S)
        if fault := self._cannot_move():
            return MotionResult(success=False, message=fault)
        if self._servos.health.errors:
            recovered = await self._recovery.recover_alone()
            if not recovered.success:
                return recovered
        return await self._go(self._to_start)

    async def recover(self) -> MotionResult:
        """Reboot the servos in trouble, while the operator supports the arm."""
        return await self._recovery.supported()

    async def park(self) -> MotionResult:
        """Move the arm to its rest pose, torque on; give up if it cannot be moved now."""
        if fault := self._cannot_move():
            return MotionResult(success=False, message=fault)
        return await self._go(self._to_rest)

    def advance(self) -> None:
        """Send the next set-point of a slow motion, or end the motion, if that is due."""
        state = self._station.newest_state
        if state is None or self._station.sending_fault():
            return
        step = self._motion.advance(state, self._station.now_s())
        if isinstance(step, Command):
            self._station.send(step)
        elif isinstance(step, MotionResult):
            self._finish(step)

    def end(self, why: str) -> None:
        """End the slow motion that runs, if there is one; the arm stays where it is."""
        self._finish(MotionResult(success=False, message=why))

    def poll(self) -> None:
        """Let jobs that wait for the servos check again; call this often."""
        polls, self._polls = self._polls, []
        for waiting in polls:
            waiting.set_result(None)

    def _has_state_since(self, time_s: float) -> bool:
        state = self._station.newest_state
        return state is not None and state.stamp_s >= time_s

    def _cannot_move(self) -> str:
        return self._station.sending_fault() or (
            '' if self._servos.is_prepared else self._servos.fault()
        )

    async def _go(self, motion: SlowMotion) -> MotionResult:
        self.end('replaced by a newer call')
        result = motion.begin(self._station.newest_state, self._station.now_s())
        if result is None:
            self._motion, self._result = motion, self._make_promise()
            waiting = self._result
            self.advance()
            result = await waiting
        return result

    def _finish(self, result: MotionResult) -> None:
        self._motion.cancel()
        if self._result is not None:
            waiting, self._result = self._result, None
            waiting.set_result(result)

    async def _reboot(self) -> MotionResult:
        self.end('replaced by a recovery')
        self._shell.forget('servos were rebooted; call go_to_start')
        waiting = self._make_promise()
        self._servos.reboot(waiting.set_result)
        fault = await waiting
        self._shell.note_servo_fault(self._servos.fault() if fault else '')
        text = fault or 'the servos hold again; call go_to_start'
        return MotionResult(success=not fault, message=text)

    async def _until(self, is_done: Callable[[], bool], limit_s: float) -> None:
        end_s = self._wall_clock_s() + limit_s
        while not is_done() and self._wall_clock_s() < end_s:
            waiting = self._make_promise()
            self._polls.append(waiting)
            await waiting
