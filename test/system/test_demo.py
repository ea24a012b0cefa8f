# SPDX-License-Identifier: Apache-2.0
"""The production launch file from demonstrations to the report; test_kill.py disturbs it."""

import pytest
from records import episodes_on_disk, planned_names, recorded_names


@pytest.mark.timeout(1800)
def test_experiment_ends_with_a_report(start_demo):
    demo = start_demo()
    assert demo.wait_until_ended(1500.0) == 0, demo.tail()
    assert sorted(recorded_names(demo.folder)) == planned_names(practice=3)
    assert set(episodes_on_disk(demo.folder).values()) == {1}
    report = (demo.folder / 'report.md').read_text(encoding='utf-8')
    for part in (
        '| pre-trained policy alone (imitation) |',
        '| pre-trained policy with its critic |',
        '| fine-tuned policy alone |',
        '| fine-tuned policy with its critic |',
        'Decision latency while practising',
        '## Films',
        '| offline training |',
        '| online training |',
    ):
        assert part in report, report
    for name in ('learning_curve.png', 'q_calibration.png', 'training.png'):
        assert (demo.folder / name).stat().st_size > 1000, demo.tail()
    assert not demo.has_printed('Traceback'), demo.tail()
