# SPDX-License-Identifier: Apache-2.0
"""Where data or an environment keep an observation's numbers, pictures and instruction."""

from collections.abc import Mapping
from dataclasses import dataclass, field

WHOLE = 'observations'
"""Key of observations that are no dictionary, but one array."""


@dataclass(frozen=True, kw_only=True)
class ObservationKeys:
    """The entries of observations that are used, and how."""

    observation_keys: tuple[str, ...] = ()
    """Numbers: entries of dictionary observations, in the order of the vector.

    Empty: plain observations are the numbers. There are none if only pictures are named.
    """
    cameras: Mapping[str, str] = field(default_factory=dict)
    """Pictures: the entry of each camera, by the name that policy and critic know it by.

    `observations` is the entry of plain observations that are pictures.
    """
    instruction_key: str = ''
    """Entry with the text of the instruction, if there is one."""
    instruction: str = ''
    """Instruction of the episodes that say none."""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        numbers, pictures = set(self.observation_keys), set(self.cameras.values())
        both = sorted(numbers & pictures)
        if both:
            raise ValueError(
                f'{both} are named both in observation_keys, for numbers, and in cameras, for '
                'pictures; name each in one of them'
            )
        if '' in numbers | pictures | set(self.cameras):
            raise ValueError(
                f'a name is empty: observation_keys {list(self.observation_keys)}, cameras '
                f'{dict(self.cameras)}; plain observations have the key {WHOLE!r}'
            )

    def number_keys(self, is_dictionary: bool) -> tuple[str, ...]:
        """Return the entries of the numbers, of observations that are a dictionary or not."""
        if self.observation_keys:
            return self.observation_keys
        only_pictures = bool(self.cameras) if is_dictionary else WHOLE in self.cameras.values()
        return () if only_pictures else (WHOLE,)


PLAIN = ObservationKeys()
"""Observations that are no dictionary, and numbers alone."""
