# SPDX-License-Identifier: Apache-2.0
"""Settings of how the states of the replay get the policy's samples."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class SamplingConfig:
    """Who draws samples, and how old they may be; for a `SeededPolicy` alone."""

    workers: int = 0
    """Processes that draw side by side, by Ray; 0: the learner itself draws."""
    address: str | None = None
    """Of a Ray cluster with the workers, such as 'head:6379'; None starts them on this machine."""
    staleness: int = 0
    """Versions of the policy for which a state's samples serve before they are drawn again."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name in ('workers', 'staleness'):
            if getattr(self, name) < 0:
                raise ValueError(f'{name} must be 0 or more: {getattr(self, name)}')
        if self.address is not None and not self.workers:
            raise ValueError(
                f'address is {self.address!r} but workers is 0; say how many are to work there'
            )
