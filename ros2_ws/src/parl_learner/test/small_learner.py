# SPDX-License-Identifier: Apache-2.0
"""A learner on a store, its work done to the end, and what it leaves."""

from parl_learner.loop.learner import Learner


class CheckpointAfterEveryUnit(Learner):
    CHECKPOINT_EVERY_S = -100.0


def new_learner(config, store, kind=Learner, announced=None, reports=None):
    announce = (announced if announced is not None else []).append
    return kind(config, store, announce, (reports if reports is not None else []).append)


def work_off(learner):
    """Does all there is to do; returns the number of units."""
    units = 0
    while learner.take_in_episodes():
        learner.work()
        units += 1
    return units


def versions(store):
    """Names of all versions; they contain the hash of the weights."""
    return [record.name for kind in ('policy', 'critic') for record in store.list(kind)]
