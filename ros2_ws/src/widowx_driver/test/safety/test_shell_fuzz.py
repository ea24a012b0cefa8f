# SPDX-License-Identifier: Apache-2.0
"""A short run of bench/driver_fuzz.py; the full one takes minutes."""

from dataclasses import replace

import driver_fuzz

TARGETS = 2000


def test_two_thousand_hostile_targets_break_no_limit(task):
    fuzz = driver_fuzz.Fuzz(task, seed=20)
    fuzz.run(TARGETS)
    assert sum(fuzz.broken.values()) == 0, fuzz.broken
    assert fuzz.sent.total() == TARGETS
    assert fuzz.accepted['plausible'] > TARGETS / 6
    assert not fuzz.accepted['NaN or infinite position'] + fuzz.accepted['wrong frame']


def test_the_count_sees_a_broken_limit(task):
    fuzz = driver_fuzz.Fuzz(task, seed=1)
    shell = fuzz.shell
    shell.command = lambda target, state, now_s: replace(
        shell.start_command, joint_positions=state.joint_positions + 2.0
    )
    fuzz.run(500)
    for limit in ('joint step', 'jump from measured'):
        assert fuzz.broken[limit] > 400
    # 2 and 5 per cent of the joint states.
    assert 1 < fuzz.broken['commanded while broken'] < 30
    assert 5 < fuzz.broken['commanded on old evidence'] < 60
