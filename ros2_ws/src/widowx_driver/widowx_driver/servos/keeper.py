# SPDX-License-Identifier: Apache-2.0
"""Keeps the servos prepared and checks their health."""

from collections.abc import Callable

from widowx_driver.driver_config import DriverConfig
from widowx_driver.servos.dialogue import ServoDialogue
from widowx_driver.servos.health import ServoHealth
from widowx_driver.servos.request import Reply, ServoRequest
from widowx_driver.servos.setup import prepare_servos, reboot_servos

LOOK_EVERY_S = 0.5
LOOK_AGAIN_S = 0.1
"""Time to the next look if a servo did not answer, or if a servo is suspected."""
RETRY_AFTER_S = 1.0
LOOK_EARLY_S = 0.25
"""A look that is due within this time is taken right after a command: it stalls joint_states for
18 ms, and the next frame, decision and command must not wait for them."""


class ServoKeeper:
    """Prepares the servos once they answer, then asks a register at least twice a second."""

    def __init__(
        self,
        call: Callable[[ServoRequest], Reply | None],
        config: DriverConfig,
        may_let_go: Callable[[], bool],
        wall_clock_s: Callable[[], float],
    ) -> None:
        """Create a keeper of servos that are not prepared yet.

        Args:
            call: sends a request; returns None while no server is there.
            config: times of the profile, PWM limit and temperature limits.
            may_let_go: tells whether the arm rests.
            wall_clock_s: returns the wall time [s].
        """
        self._config = config
        self._may_let_go = may_let_go
        self._wall_clock_s = wall_clock_s
        self._dialogue = ServoDialogue(call, wall_clock_s)
        self.health = ServoHealth(config)
        self._is_prepared = self._is_rebooting = False
        self._setup_fault = ''
        self._next_s = self._looked_s = -float('inf')

    @property
    def is_prepared(self) -> bool:
        """Whether modes, profile and PWM limit were written since the last restart."""
        return self._is_prepared

    @property
    def is_rebooting(self) -> bool:
        """Whether a reboot was asked for and has not ended; until then joint_states stall."""
        return self._is_rebooting

    def fault(self) -> str:
        """Return why the servos cannot be used, or an empty string."""
        if self._is_prepared:
            return self.health.fault()
        reason = self._setup_fault or 'modes and profile are not written yet'
        return f'servos not prepared: {reason}'

    def restart(self) -> None:
        """Start over: the arm was restarted and has lost its settings."""
        self._dialogue.cancel('the arm was restarted')
        self._is_prepared, self._setup_fault = False, ''
        self._next_s = -float('inf')
        self.health.forget()

    def reboot(self, on_end: Callable[[str], None]) -> None:
        """Reboot the servos in trouble and prepare them again.

        Args:
            on_end: called with the fault that is left, empty if there is none.
        """

        def end(fault: str) -> None:
            self._is_rebooting = False
            self.health.forget()
            self._end_setup(fault)
            on_end(fault)

        # A caller that asks for a reboot has accepted that the arm may fall.
        self._dialogue.begin(reboot_servos(self._config, lambda: True), end)
        self._is_rebooting = True

    def look_soon(self) -> None:
        """Read the errors as soon as the bus is free for it, because a servo is suspected."""
        if not self._is_prepared:
            return
        self.health.hurry()
        self._next_s = min(self._next_s, self._looked_s + LOOK_AGAIN_S)

    def note_command(self) -> None:
        """Look now if a look is due before the next command: the bus is free now."""
        now_s = self._wall_clock_s()
        if self._is_prepared and now_s >= self._looked_s + LOOK_EVERY_S - LOOK_EARLY_S:
            self._next_s = min(self._next_s, now_s)
            self.poll()

    def poll(self) -> None:
        """Send and read what is due; call it often."""
        self._dialogue.poll()
        if not self._dialogue.is_idle or self._wall_clock_s() < self._next_s:
            return
        if self._is_prepared:
            self._looked_s = self._wall_clock_s()
            self._next_s = self._looked_s + LOOK_EVERY_S
            self._dialogue.begin(self.health.next_look(), self._end_look)
        else:
            script = prepare_servos(self._config, self._may_let_go)
            self._dialogue.begin(script, self._end_setup)
        self._dialogue.poll()

    def _end_setup(self, fault: str) -> None:
        self._is_prepared, self._setup_fault = not fault, fault
        self._next_s = self._wall_clock_s() + RETRY_AFTER_S

    def _end_look(self, fault: str) -> None:
        if fault:
            self.health.note('', ())
        if not self.health.answers:
            self._next_s = self._wall_clock_s() + LOOK_AGAIN_S
