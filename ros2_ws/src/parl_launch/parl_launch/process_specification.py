# SPDX-License-Identifier: Apache-2.0
"""One process that a launch file asks for, with everything resolved."""

from collections.abc import Mapping
from dataclasses import dataclass, field

SIGTERM_TIMEOUT_S = 10.0
SIGKILL_TIMEOUT_S = 5.0


@dataclass(frozen=True, kw_only=True)
class ProcessSpecification:
    """One process to run."""

    name: str
    """Name that is printed before each of its lines."""
    command: tuple[str, ...]
    """Program and arguments."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables added to the runner's own environment."""
    respawn: bool = False
    """Whether to start it again when it ends, unless with exit code 2 (see `GAVE_UP`)."""
    respawn_delay_s: float = 0.0
    """Time between its end and the new start [s]."""
    shutdown_on_exit: bool = False
    """Whether its end ends everything; with `respawn`, only an end with exit code 0 or 2."""
    sigterm_timeout_s: float = SIGTERM_TIMEOUT_S
    """Time that it has to end after SIGINT, before SIGTERM [s]."""
    sigkill_timeout_s: float = SIGKILL_TIMEOUT_S
    """Time that it has to end after SIGTERM, before SIGKILL [s]."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not self.command:
            raise ValueError(f'{self.name}: command is empty; give at least a program')
        for key in ('respawn_delay', 'sigterm_timeout', 'sigkill_timeout'):
            seconds = getattr(self, f'{key}_s')
            if seconds < 0.0:
                raise ValueError(f'{self.name}: {key} {seconds} is negative; give seconds >= 0')
