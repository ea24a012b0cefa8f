# SPDX-License-Identifier: Apache-2.0
import argparse

import pytest

from parl_learner.offline.run.whole_number import at_least_0, at_least_1


def test_numbers():
    assert (at_least_0('0'), at_least_0('12'), at_least_1('1')) == (0, 12, 1)


@pytest.mark.parametrize(
    ('convert', 'text', 'smallest'),
    [(at_least_1, '0', 1), (at_least_0, '-1', 0), (at_least_0, '1.5', 0), (at_least_1, 'x', 1)],
)
def test_what_is_no_such_number_is_named(convert, text, smallest):
    words = f"'{text}' is not a whole number of at least {smallest}"
    with pytest.raises(argparse.ArgumentTypeError, match=words):
        convert(text)
