# SPDX-License-Identifier: Apache-2.0
"""What is needed, and what there is."""

import pytest

from parl_policy.compute.memory import free_memory, MemoryNeed, TooLittleMemoryError

NEED = MemoryNeed({'weights': 3_000_000_000, 'workspace': 500_000_000}, 'buy more')


def test_what_does_not_fit_is_refused_with_need_have_and_remedy():
    NEED.check(3_500_000_000, 'model')
    NEED.check(None, 'model')
    with pytest.raises(TooLittleMemoryError) as error:
        NEED.check(2_000_000_000, 'model')
    expected = 'model needs 3.5 GB (weights 3, workspace 0.5), but 2 GB are free; buy more'
    assert str(error.value) == expected


@pytest.mark.parametrize(
    ('limit', 'expected'), [(None, 4096_000), ('max', 4096_000), ('3000000', 2_900_000)]
)
def test_a_container_may_allow_less_than_the_machine_has(tmp_path, limit, expected):
    facts = tmp_path / 'meminfo'
    facts.write_text('MemTotal: 9000 kB\nMemAvailable: 4000 kB\n')
    if limit is not None:
        (tmp_path / 'memory.max').write_text(f'{limit}\n')
        (tmp_path / 'memory.stat').write_text('anon 90000\nfile 800000\nshmem 10000\n')
    assert free_memory(facts, tmp_path) == expected


def test_a_machine_that_does_not_say_is_not_guessed(tmp_path):
    assert free_memory(tmp_path / 'nowhere', tmp_path) is None
