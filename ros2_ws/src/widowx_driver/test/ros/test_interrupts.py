# SPDX-License-Identifier: Apache-2.0
import signal

import pytest

from widowx_driver.ros.interrupts import Interrupts

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture
def interrupts():
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield Interrupts()
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ('signals', 'asks_to_end'),
    [
        ([signal.SIGINT], False),
        ([signal.SIGTERM], False),
        ([signal.SIGHUP], False),  # the terminal was closed
        ([signal.SIGINT, signal.SIGTERM], False),  # as ros2 launch does
        ([signal.SIGTERM, signal.SIGTERM, signal.SIGINT], False),
        ([signal.SIGINT, signal.SIGINT], True),
    ],
    ids=lambda value: '+'.join(s.name for s in value) if isinstance(value, list) else '',
)
def test_any_signal_parks_and_only_a_second_ctrl_c_ends(interrupts, signals, asks_to_end):
    assert not interrupts.ask_to_park
    for number in signals:
        signal.raise_signal(number)
    assert interrupts.ask_to_park
    assert interrupts.ask_to_end == asks_to_end
