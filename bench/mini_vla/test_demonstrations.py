# SPDX-License-Identifier: Apache-2.0
import dataclasses

import numpy as np
import pytest

from mini_vla.demonstrations import (
    Demonstrations,
    DemonstrationStation,
    make_demonstrations,
    Plan,
    plans,
    TASKS,
)
from mini_vla.recipe import load_recipe
from parl_files.yaml_file import load_yaml

RECIPE = load_recipe()
GRIPPER, VEGETABLE, PLATE = 0, 1, -1


@pytest.fixture(scope='module')
def station():
    station = DemonstrationStation(RECIPE)
    yield station
    station.close()


def clean(station, name, seed=6_000_000):
    thing = RECIPE.objects.index(name)
    return station.demonstrate(Plan(seed, thing, thing, 0.0, shuffled=False, validation=True))


def middle_of(is_thing):
    """Return column and row of the middle of the pixels, from the picture's edge [px]."""
    rows, columns = np.nonzero(is_thing)
    return np.array([columns.mean(), rows.mean()]) + 0.5


def test_the_vegetable_has_the_instruction_of_its_task():
    task = load_yaml(TASKS / f'{RECIPE.task}.yaml')
    assert RECIPE.instructions['vegetable'] == task['instruction']


@pytest.mark.parametrize('name', RECIPE.objects)
def test_every_object_gets_onto_the_plate(station, name):
    steps = clean(station, name)
    assert steps['success'].all()
    assert len(steps['actions']) < 25
    thing = 1 + RECIPE.objects.index(name)
    *_, end = steps['positions']
    assert np.linalg.norm((end[thing] - end[PLATE])[:2]) < 0.045
    held = steps['positions'][np.flatnonzero(steps['actions'][:, 6] < 0.0)[-1]]
    assert np.abs(held[GRIPPER] - held[thing]).max() < 0.02


def test_a_clumsy_hand_is_corrected(station):
    thing = RECIPE.objects.index('vegetable')
    plan = Plan(6_000_001, thing, thing, clumsiness=0.5, shuffled=False, validation=False)
    steps = station.demonstrate(plan)
    assert steps['success'].all()
    assert len(steps['actions']) > len(clean(station, 'vegetable', 6_000_001)['actions'])
    apart = steps['positions'][:, GRIPPER] - steps['positions'][:, 1 + thing]
    beside_in_the_air = (apart[:, 2] > 0.03) & (np.linalg.norm(apart, axis=1) > 0.03)
    assert (steps['actions'][beside_in_the_air, 6] > 0.0).all(), 'it never means to close there'


def test_shuffled_episodes_show_things_in_many_places(station):
    plan = Plan(6_000_002, 0, 0, clumsiness=0.0, shuffled=True, validation=False)
    steps = station.demonstrate(plan)
    assert len(steps['actions']) == station.horizon
    moved = np.linalg.norm(np.diff(steps['positions'][:, 1:-1], axis=0), axis=2) > 0.002
    assert 5 < moved.all(axis=1).sum() < 40
    assert np.ptp(steps['positions'][:, PLATE], axis=0) == pytest.approx(0.0, abs=1e-9)


def test_keypoints_are_where_the_picture_shows_the_things(station):
    steps = clean(station, 'vegetable')
    red, green, blue = steps['pictures'][0].astype(int).transpose(2, 0, 1)
    shown = {
        VEGETABLE: middle_of((red > 180) & (green < 140) & (blue < 80)),  # orange
        PLATE: middle_of((red > 180) & (green < 140) & (blue > 110)),  # pink
    }
    for place, pixels in shown.items():
        found = steps['keypoints'][0, place] * RECIPE.picture.size[::-1]
        assert found == pytest.approx(pixels, abs=1.5)


def test_shares_are_of_each_instruction():
    drawn = plans(RECIPE)
    assert len({plan.seed for plan in drawn}) == len(drawn)
    for index, count in enumerate(RECIPE.episodes.values()):
        mine = [plan for plan in drawn if plan.instruction == index and not plan.validation]
        shuffled = [plan for plan in mine if plan.shuffled]
        assert len(shuffled) == RECIPE.shuffled_episodes / len(RECIPE.episodes)
        assert all(plan.taken == index for plan in shuffled)
        mine = [plan for plan in mine if not plan.shuffled]
        assert len(mine) == count
        wrong = sum(plan.taken != index for plan in mine)
        assert wrong == round(RECIPE.mislabelled * count)
        assert 0.4 < np.mean([plan.clumsiness for plan in mine]) < 0.6
    held_out = [plan for plan in drawn if plan.validation]
    assert len(held_out) == RECIPE.validation_episodes * len(RECIPE.objects)
    assert all(plan.taken == plan.instruction for plan in held_out)


def test_a_file_holds_what_was_made(tmp_path):
    recipe = dataclasses.replace(
        RECIPE,
        episodes={'vegetable': 1, 'yellow_cup': 0, 'aubergine': 0},
        shuffled_episodes=0,
        validation_episodes=0,
    )
    made = make_demonstrations(recipe)
    made.save(tmp_path / 'made.npz', recipe)
    read = Demonstrations.load(tmp_path / 'made.npz')
    for each in dataclasses.fields(Demonstrations):
        values = getattr(read, each.name)
        assert len(values) == len(made.actions)
        np.testing.assert_array_equal(values, getattr(made, each.name))
    again = make_demonstrations(recipe)
    np.testing.assert_array_equal(again.pictures, made.pictures)
    np.testing.assert_array_equal(again.actions, made.actions)


def test_the_hash_changes_with_the_content_alone():
    assert load_recipe().hash() == RECIPE.hash()
    assert dataclasses.replace(RECIPE, mislabelled=0.25).hash() != RECIPE.hash()
    assert dataclasses.replace(RECIPE, slip=0.1).hash() != RECIPE.hash()
    longer = dataclasses.replace(
        RECIPE, training=dataclasses.replace(RECIPE.training, label_width=1.0)
    )
    assert longer.hash() != RECIPE.hash()
    assert longer.data_hash() == RECIPE.data_hash()
