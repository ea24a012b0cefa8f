# SPDX-License-Identifier: Apache-2.0
"""A short run of bench/driver_fuzz.py; the full one takes minutes."""

import importlib.util
from pathlib import Path

import pytest

TARGETS = 2000

_PATH = Path(__file__).parents[4] / 'bench/driver_fuzz.py'


@pytest.fixture(scope='module')
def driver_fuzz():
    specification = importlib.util.spec_from_file_location('driver_fuzz', _PATH)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_two_thousand_hostile_targets_break_no_limit(driver_fuzz, task):
    fuzz = driver_fuzz.Fuzz(task, seed=20)
    fuzz.run(TARGETS)
    assert sum(fuzz.broken.values()) == 0, fuzz.broken
    assert fuzz.sent.total() == TARGETS
    assert fuzz.accepted['plausible'] > TARGETS / 6
    assert not fuzz.accepted['NaN or infinite position'] + fuzz.accepted['wrong frame']


def test_the_count_sees_a_broken_limit(driver_fuzz, task):
    fuzz = driver_fuzz.Fuzz(task, seed=1)
    shell, plan = fuzz.shell, fuzz.shell.command
    shell.command = lambda target, state, now_s: driver_fuzz.replace(
        shell.start_command, joint_positions=state.joint_positions + 2.0
    )
    fuzz.run(50)
    assert fuzz.broken['joint step'] > 0
    assert fuzz.broken['jump from measured'] > 0
    assert plan is not shell.command
