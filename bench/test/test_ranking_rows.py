# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
from ranking.rows import cup_table, vla_table

TABLES = {'cup': cup_table(), 'vla': vla_table(Path('/models/mini'))}


@pytest.mark.parametrize('name', TABLES)
def test_every_row_is_an_experiment_on_the_task_of_its_table(name):
    table = TABLES[name]
    configs = {row: table.config(row) for row in table.rows.values()}
    assert {each.task for each in configs.values()} == {table.config().task}
    # The cache of the policy's samples is shared, so all must ask for as many.
    assert len({each.learning.optimisation.samples for each in configs.values()}) == 1
    for row, config in configs.items():
        assert row.sees == 'pictures' or config.learning.critic.vision is None


def test_rows_of_the_vla_read_the_towers_of_the_model_that_acts():
    table = TABLES['vla']
    assert table.config().learning.policy['model'] == '/models/mini'
    vision = table.config(table.rows['waypoints of the towers']).learning.critic.vision
    assert (vision.encoder.kind, vision.encoder.backbone_model) == ('waypoints', '/models/mini')
    assert (vision.augmentation.shift, vision.augmentation.brightness) == (0, 0.0)
