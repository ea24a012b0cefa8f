# SPDX-License-Identifier: Apache-2.0
"""The driver's condition as one level and one sentence, for /diagnostics."""

from dataclasses import dataclass, field
from enum import IntEnum

from widowx_driver.arm.state import ArmState
from widowx_driver.safety.command import Command, Hold
from widowx_driver.safety.shell import SafetyShell
from widowx_driver.servos.keeper import ServoKeeper


class Level(IntEnum):
    """Levels of diagnostic_msgs/DiagnosticStatus."""

    OK = 0
    WARN = 1
    ERROR = 2


@dataclass(frozen=True, kw_only=True)
class DriverReport:
    """State of the driver at one moment."""

    level: Level
    """how serious the condition is"""
    text: str
    """what the condition is, with the remedy"""
    values: dict[str, str] = field(default_factory=dict)
    """counters and ages"""


class TargetCounter:
    """Counts the targets by what the driver did with them."""

    def __init__(self) -> None:
        self.accepted = 0
        self.limited = 0
        self.held = 0
        self.last_hold = ''
        self._hold_since_report = ''

    def count(self, outcome: Command | Hold) -> None:
        """Count the outcome of one target."""
        if isinstance(outcome, Command):
            self.accepted += 1
            self.limited += outcome.limited
        else:
            self.held += 1
            self.last_hold = self._hold_since_report = outcome.reason

    def take_recent_hold(self) -> str:
        """Return the newest reason to hold since the last call, or an empty string."""
        recent, self._hold_since_report = self._hold_since_report, ''
        return recent


def driver_report(
    shell: SafetyShell,
    state: ArmState | None,
    now_s: float,
    counter: TargetCounter,
    servos: ServoKeeper,
    backend_fault: str,
) -> DriverReport:
    """Judge the driver: a broken or unbelievable arm is an error, other holds are warnings."""
    level, text = Level.OK, 'follows targets'
    recent_hold = counter.take_recent_hold()
    watchdog = shell.check(state, now_s)
    if servos.is_rebooting:
        level, text = Level.WARN, 'servos are being rebooted, 1 s each: nothing is read meanwhile'
    elif watchdog is not None:
        is_arm = bool(shell.arm_fault(state, now_s)) and not shell.is_stopped
        level = Level.ERROR if is_arm or shell.lost else Level.WARN
        text = watchdog.reason
    elif backend_fault:
        level, text = Level.WARN, backend_fault
    elif servos.fault():
        level, text = Level.WARN, servos.fault()
    elif recent_hold:
        level, text = Level.WARN, recent_hold
    elif servos.health.warning():
        level, text = Level.WARN, servos.health.warning()
    elif shell.last_command is None:
        text = 'waits for go_to_start'
    hottest = servos.health.hottest_c
    age = 'none yet' if state is None else f'{now_s - state.stamp_s:.3f}'
    return DriverReport(
        level=level,
        text=text,
        values={
            'targets_accepted': str(counter.accepted),
            'targets_limited': str(counter.limited),
            'targets_held': str(counter.held),
            'last_hold': counter.last_hold,
            'joint_states_age_s': age,
            'servos_prepared': str(servos.is_prepared).lower(),
            'hottest_servo_c': 'none yet' if hottest is None else str(hottest),
            'stopped': str(shell.is_stopped).lower(),
        },
    )
