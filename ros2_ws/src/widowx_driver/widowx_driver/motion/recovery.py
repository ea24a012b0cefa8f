# SPDX-License-Identifier: Apache-2.0
"""Recovers servos that have let go, without dropping the arm a second time."""

from collections.abc import Awaitable, Callable

from widowx_driver.motion.reboot_ledger import RebootLedger
from widowx_driver.motion.slow import MotionResult
from widowx_driver.servos.health import OVERLOAD, ServoHealth


class Recovery:
    """Reboots servos: alone from the rest pose, or at once while a human supports the arm.

    It works alone only after an overload, and at most three times per servo in five minutes.
    """

    def __init__(
        self,
        health: ServoHealth,
        move_to_rest: Callable[[], Awaitable[MotionResult]],
        reboot: Callable[[], Awaitable[MotionResult]],
        now_s: Callable[[], float],
    ) -> None:
        """Create the recovery.

        Args:
            health: newest answers of the servos.
            move_to_rest: moves the joints that hold to the rest pose.
            reboot: reboots servos in trouble, sends modes and profile again, and checks them.
            now_s: returns the wall time [s].
        """
        self._health = health
        self._move_to_rest = move_to_rest
        self._reboot = reboot
        self._now_s = now_s
        self._ledger = RebootLedger()

    async def recover_alone(self) -> MotionResult:
        """Lay the arm down, then reboot; refuse faults that a human must look at."""
        servos = self._health.errors
        if not servos or any(bits != OVERLOAD for bits in servos.values()):
            return MotionResult(success=False, message=self._health.fault())
        refusal = self._ledger.refusal(servos, self._now_s())
        if refusal:
            return MotionResult(success=False, message=refusal)
        rested = await self._move_to_rest()
        if not rested.success:
            named = ', '.join(servos)
            return MotionResult(success=False, message=f'overload of {named}: {rested.message}')
        self._ledger.note(servos, self._now_s())
        return await self._reboot()

    async def supported(self) -> MotionResult:
        """Reboot at once, while the operator supports the arm."""
        return await self._reboot()
