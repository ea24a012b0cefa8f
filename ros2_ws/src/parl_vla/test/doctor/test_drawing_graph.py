# SPDX-License-Identifier: Apache-2.0
"""On a GPU one state's actions are drawn by a graph; what it records is checked without one."""

import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from parl_vla.policies import openvla


@pytest.fixture
def context(actor):
    return actor.policy.encode(actor.policy_needs.blank(2))


class DirectGraph:
    """Calls instead of replaying; counts the recordings."""

    made = 0

    def __init__(self, function, rows):
        assert rows == 1
        self.function = function
        DirectGraph.made += 1

    def __call__(self, generator, *inputs):
        return self.function(generator, *inputs)


def test_a_graph_draws_what_is_drawn_without(monkeypatch, actor, context):
    monkeypatch.setattr(openvla, 'RowsGraph', DirectGraph)
    policy = actor.policy
    for count in (8, 8, 4):
        uniform = torch.rand(1, count, 7)
        for found, expected in zip(
            policy._replay(context, uniform), policy.draw(context, uniform), strict=True
        ):
            assert torch.equal(found, expected)
    assert DirectGraph.made == 2  # one for each k


def test_what_is_recorded_takes_no_number_from_the_gpu(actor, context):
    inputs = (context.features, context.ids, context.lengths, torch.rand(1, 8, 7))
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        fakes = [mode.from_tensor(each) for each in inputs]
        bins, log_probs = actor.policy._draw_one(None, *fakes)
        assert (tuple(bins.shape), tuple(log_probs.shape)) == ((1, 8, 7), (1, 8))
        with pytest.raises(DataDependentOutputException):  # the mode finds what takes one
            int(bins[0, 0, 0])


def test_a_graph_that_cannot_be_recorded_is_an_error(monkeypatch, actor, context):
    def refuse(*_):
        raise RuntimeError('not recorded')

    monkeypatch.setattr(openvla, 'RowsGraph', lambda *_, **__: refuse)
    with pytest.raises(RuntimeError, match='not recorded'):
        actor.policy._replay(context, torch.rand(1, 8, 7))
