# SPDX-License-Identifier: Apache-2.0
"""What a launch file asks for: one process each, with everything resolved."""

from collections.abc import Mapping
from dataclasses import dataclass, field

SIGTERM_TIMEOUT_S = 10.0
SIGKILL_TIMEOUT_S = 5.0


@dataclass(frozen=True, kw_only=True)
class ProcessSpecification:
    """One process to run."""

    name: str
    """Stands before each line it prints."""
    command: tuple[str, ...]
    """Program and arguments."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Set on top of the runner's own environment."""
    respawn: bool = False
    """Start it again when it ends, unless with exit code 2: another start would end so too."""
    respawn_delay_s: float = 0.0
    """Time between its end and the new start [s]."""
    shutdown_on_exit: bool = False
    """Its end ends everything; with `respawn`, only an end with exit code 0 or 2 does."""
    sigterm_timeout_s: float = SIGTERM_TIMEOUT_S
    """Time that it has to end after SIGINT, before SIGTERM [s]."""
    sigkill_timeout_s: float = SIGKILL_TIMEOUT_S
    """Time that it has to end after SIGTERM, before SIGKILL [s]."""

    def __post_init__(self) -> None:
        """Checks the ranges."""
        if not self.command:
            raise ValueError(f'{self.name}: command is empty; it needs a program at least')
        for key in ('respawn_delay', 'sigterm_timeout', 'sigkill_timeout'):
            seconds = getattr(self, f'{key}_s')
            if seconds < 0.0:
                raise ValueError(f'{self.name}: {key} {seconds} is negative; give seconds >= 0')
