# SPDX-License-Identifier: Apache-2.0
import pytest

from parl_learner.offline.observations.keys import ObservationKeys


@pytest.mark.parametrize(
    ('settings', 'is_dictionary', 'expected'),
    [
        ({}, False, ('observations',)),
        ({'cameras': {'front': 'images'}}, False, ('observations',)),
        ({'cameras': {'front': 'observations'}}, False, ()),
        ({'cameras': {'front': 'image'}}, True, ()),
        ({'cameras': {'front': 'image'}, 'observation_keys': ('arm',)}, True, ('arm',)),
    ],
)
def test_numbers_are_what_is_named_or_what_is_left(settings, is_dictionary, expected):
    assert ObservationKeys(**settings).number_keys(is_dictionary) == expected


def test_a_key_is_numbers_or_pictures():
    with pytest.raises(ValueError, match=r"\['a'\] are named both in observation_keys"):
        ObservationKeys(observation_keys=('a',), cameras={'front': 'a'})
    for wrong in ({'observation_keys': ('',)}, {'cameras': {'front': ''}}, {'cameras': {'': 'a'}}):
        with pytest.raises(ValueError, match='a name is empty'):
            ObservationKeys(**wrong)
