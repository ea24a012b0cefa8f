# SPDX-License-Identifier: Apache-2.0
"""Sets the modes that the servos have after the arm's driver has started."""

from parl_files.config_file import ConfigError
from widowx_sim.servos.bus import ServoBus


def check_start_modes(name: str) -> None:
    """Raise ConfigError for an unknown set of modes."""
    if name not in ('station', 'vendor'):
        raise ConfigError(f'start_modes is {name!r}: give station or vendor')


def set_vendor_modes(bus: ServoBus) -> None:
    """Set the modes of the vendor's modes.yaml: moves of 2 s, and a gripper driven by PWM.

    `Station` is built with the other set, `station`: moves of 0.2 s, gripper by position.
    """
    bus.set_operating_mode('group', 'arm', 'position', 'time', 2000, 300)
    bus.set_operating_mode('single', 'gripper', 'pwm', 'velocity', 0, 0)
