# SPDX-License-Identifier: Apache-2.0
"""A recorded function stays the function that was recorded."""

import pytest
import torch

from parl_policy.compute.device import default_generator
from parl_policy.compute.rows_graph import RowsGraph

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason='no GPU here')


@pytest.fixture(autouse=True)
def _on_a_gpu():
    with torch.device('cuda:0'):
        yield


def test_fewer_rows_and_other_weights_than_were_recorded():
    weight = torch.ones(3)

    def function(_, rows, more):
        return rows * weight, (rows + more).sum(1)

    graph = RowsGraph(function, 5)
    for count in (2, 5, 1):
        rows, more = torch.rand(2, count, 3)
        weight.add_(1.0)
        found = graph(default_generator(), rows, more)
        torch.testing.assert_close(found, function(None, rows, more))


def test_results_outlive_the_next_replay():
    graph = RowsGraph(lambda _, rows: (2.0 * rows,), 2)
    (first,) = graph(default_generator(), torch.ones(2, 1))
    graph(default_generator(), torch.zeros(2, 1))
    assert first.tolist() == [[2.0], [2.0]]


@pytest.mark.parametrize('is_own', [True, False], ids=['its own', 'another'])
def test_draws_are_those_of_the_generator_that_is_given(is_own):
    def function(generator, rows):
        return (rows + torch.rand(2, 4, generator=generator),)

    graph = RowsGraph(function, 2)
    generator = default_generator() if is_own else torch.Generator('cuda:0')
    draws = []
    for draw in (function, graph):
        default_generator().manual_seed(1)
        generator.manual_seed(2)
        draws.append([draw(generator, torch.zeros(2, 4))[0] for _ in range(3)])
        draws[-1].append(torch.rand(2, 4))
    torch.testing.assert_close(*draws)
