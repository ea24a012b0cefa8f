# SPDX-License-Identifier: Apache-2.0
"""Records how often servos were rebooted without a human."""

from collections import defaultdict
from collections.abc import Iterable

MOST_REBOOTS = 3
WINDOW_S = 300.0


class RebootLedger:
    """Allows at most three automatic reboots of a servo in five minutes."""

    def __init__(self) -> None:
        self._times: defaultdict[str, list[float]] = defaultdict(list)

    def refusal(self, servos: Iterable[str], now_s: float) -> str:
        """Return why these servos may not be rebooted now, or an empty string."""
        for name in servos:
            recent = [time_s for time_s in self._times[name] if now_s - time_s < WINDOW_S]
            if len(recent) >= MOST_REBOOTS:
                return (
                    f'{name} was rebooted {len(recent)} times in {WINDOW_S / 60:.0f} minutes; '
                    'find out why, then call recover'
                )
        return ''

    def note(self, servos: Iterable[str], now_s: float) -> None:
        """Record a reboot of these servos at time `now_s` [s]."""
        for name in servos:
            self._times[name].append(now_s)
