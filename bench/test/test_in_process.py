# SPDX-License-Identifier: Apache-2.0
"""An experiment in process, on a station that needs no physics."""

import dataclasses

import pytest

pytest.importorskip('mujoco', reason='no MuJoCo in this Python')

from in_process.experiment import run_on_stations
import numpy as np
from zero_shot import SEEN, zero_shot_experiment

from parl_files.artifact_store import ArtifactStore
from parl_files.episode_library import EpisodeLibrary
from parl_learner.plan.schedule import EpisodeStep, planned_steps
from parl_policy.observations import Observation
from widowx_sim.scripted_expert import ExpertConfig


class FakeStation:
    """Shows random numbers and pictures; every second episode is a success."""

    script = None
    truly_done = True
    lifted_other = False
    horizon = 3

    def __init__(self, new_episode):
        self.played = []
        self._new_episode = new_episode

    def play(self, goal, choose):
        self.played.append(goal.episode_id)
        outcome = 'success' if goal.seed % 2 else 'timeout'
        names = goal.episode_id, goal.purpose, outcome, self.horizon, goal.seed
        episode = self._new_episode(*names, **SEEN)
        film = list(episode.films['camera'])
        chosen = [
            choose(
                step, Observation(episode.observations[step].copy(), {'camera': film[step]}), None
            )
            for step in range(self.horizon)
        ]
        actions = np.array([action for action, _ in chosen])
        versions = [*(version for _, version in chosen), '']
        return dataclasses.replace(
            episode, actions=actions, proposed_actions=actions, policy_versions=versions
        )


def test_the_policy_itself_plays_the_first_episodes(tmp_path, new_episode):
    config = zero_shot_experiment(pretraining_task='cup_alone')
    stations = {name: FakeStation(new_episode) for name in ('cup_to_rack', 'cup_alone')}
    run = (config, stations, ExpertConfig(), tmp_path, lambda _: None)
    results = run_on_stations(*run)
    assert (results['zero-shot'].successes, results['zero-shot'].episodes) == (1, 2)
    assert 'demonstrations' not in results
    assert stations['cup_alone'].played == ['zero-shot-0000', 'zero-shot-0001']
    steps = [step for step in planned_steps(config) if isinstance(step, EpisodeStep)]
    library = EpisodeLibrary(ArtifactStore(tmp_path / 'artifacts'), pytest.fail)
    library.refresh()
    acted = {
        episode_id: library.named(name).policy_versions[0]
        for episode_id, name in library.completed().items()
    }
    assert acted == {step.episode_id: f'policy {step.version}' for step in steps}
    assert 'zero-shot' not in run_on_stations(*run), 'what was played is not played again'
