# SPDX-License-Identifier: Apache-2.0
"""The data of a report, from the record and the files of its experiment."""

from collections.abc import Sequence
import hashlib
from pathlib import Path

import numpy as np
import torch

from parl_files.artifact_store import ArtifactStore
from parl_files.episode import Episode, Purpose
from parl_files.episode_library import EpisodeLibrary
from parl_learner.experiment.record import RecordedStep
from parl_learner.methods.registry import method_of
from parl_learner.plan.experiment_config import ExperimentConfig
from parl_learner.plan.gate import gate_results
from parl_learner.plan.schedule import LearnStep, Phase
from parl_learner.replay.episode_states import episode_states
from parl_learner.report.binomial_interval import wilson_interval
from parl_learner.report.calibration_figure import calibration_of
from parl_learner.report.report_data import Calibration, EvaluationResult, PhaseTime, ReportData
from parl_policy.acting.actor_file import load_actor

LABELS = {
    Phase.IMITATION: 'pre-trained policy alone (imitation)',
    Phase.PRETRAINED: 'pre-trained policy with its critic',
    Phase.DISTILLED: 'fine-tuned policy alone',
    Phase.FINE_TUNED: 'fine-tuned policy with its critic',
}

ZERO_SHOT_LABELS = {**LABELS, Phase.IMITATION: 'pre-trained policy alone'}

AFTER_PRACTICE = (Phase.DISTILLED, Phase.FINE_TUNED)


def report_data(
    config: ExperimentConfig,
    steps: Sequence[RecordedStep],
    library: EpisodeLibrary,
    store: ArtifactStore,
    control_rate_hz: float,
) -> ReportData:
    """Collect the data of the report.

    Args:
        config: The experiment.
        steps: The complete record of the experiment.
        library: The episodes of the experiment, refreshed.
        store: The store of episodes and versions.
        control_rate_hz: Control rate of the task, for the films.
    """
    return ReportData(
        task=config.task,
        seed=config.seed,
        evaluations=_evaluations(config, steps),
        phases=_phases(config, steps),
        episode_folder=store.folder,
        calibration=_calibration(config, library, store),
        gate=gate_results(config, library.successes()),
        learner_log=_existing(store.folder.parent / 'learner.jsonl'),
        control_rate_hz=control_rate_hz,
        notes=[*_notes(config, steps), _fingerprint_note(library, store)],
    )


def _evaluations(
    config: ExperimentConfig, steps: Sequence[RecordedStep]
) -> list[EvaluationResult]:
    results = []
    for phase, label in _labels(config).items():
        episodes = [step for step in steps if step.phase == phase]
        if not episodes:
            continue
        first = next(i for i, step in enumerate(steps) if step.phase == phase)
        # Practice that was played before an evaluation of the pre-trained policy changed nothing.
        uncounted = {*LABELS} if phase in AFTER_PRACTICE else {*LABELS, Phase.PRACTICE}
        results.append(
            EvaluationResult(
                label=label,
                successes=sum(step.success for step in episodes),
                episodes=len(episodes),
                mean_steps=float(np.mean([step.steps for step in episodes])),
                seconds=sum(step.seconds for step in steps[:first] if step.phase not in uncounted),
                practised_episodes=config.practice_episodes if phase in AFTER_PRACTICE else 0,
                episode_ids=[step.name for step in episodes],
            )
        )
    return results


def _labels(config: ExperimentConfig) -> dict[Phase, str]:
    return ZERO_SHOT_LABELS if config.is_zero_shot else LABELS


def _phases(config: ExperimentConfig, steps: Sequence[RecordedStep]) -> list[PhaseTime]:
    labels = _labels(config)
    before_practice = {
        LearnStep(0).record_name: 'making version 0',
        LearnStep(1).record_name: 'offline training',
    }
    seconds: dict[str, float] = {}
    for step in steps:
        label = f'evaluation: {labels[step.phase]}' if step.phase in labels else step.phase
        if step.phase == Phase.LEARNING:
            label = before_practice.get(step.name, 'online training')
        seconds[label] = seconds.get(label, 0.0) + step.seconds
    return [PhaseTime(label=label, seconds=value) for label, value in seconds.items()]


def _calibration(
    config: ExperimentConfig, library: EpisodeLibrary, store: ArtifactStore
) -> Calibration | None:
    """Compare the final critic's values with the returns of the practice episodes."""
    critic_record = store.newest('critic')
    names = library.completed(Purpose.PRACTICE).values()
    if critic_record is None or not names or not method_of(config.learning).trains_critic:
        return None
    policy = [r for r in store.list('policy') if r.version == critic_record.version][-1]
    actor, actor_config, _ = load_actor(store.path(policy.name), store.path(critic_record.name))
    critic = actor.critic
    assert critic is not None

    @torch.no_grad()
    def q_values_of(episode: Episode) -> np.ndarray:
        states = episode_states(episode, actor_config.critic_needs)[: len(episode)]
        values = critic(states, torch.tensor(episode.actions).unsqueeze(1))
        result: np.ndarray = values.mean(0).squeeze(1).numpy()
        return result

    episodes = [library.named(name) for name in names]
    return calibration_of(episodes, q_values_of, config.learning.discount)


def fingerprint(library: EpisodeLibrary, store: ArtifactStore) -> str:
    """Return 16 hex digits that depend on each bit of the played episodes and the versions.

    Args:
        library: The episodes of the experiment, refreshed.
        store: The store of episodes and versions; its file names hold the hash of each content.
    """
    names = sorted(library.completed().values())
    names += [record.name for kind in ('policy', 'critic') for record in store.list(kind)]
    return hashlib.sha256('\n'.join(names).encode()).hexdigest()[:16]


def _fingerprint_note(library: EpisodeLibrary, store: ArtifactStore) -> str:
    return (
        f'Fingerprint `{fingerprint(library, store)}` of all episodes and versions: in lock-step, '
        'the same settings give the same on the same machine, to the bit. Wall times and '
        'decision latencies are measured and differ.'
    )


def _notes(config: ExperimentConfig, steps: Sequence[RecordedStep]) -> list[str]:
    notes = _zero_shot_note(config, steps)
    if config.rounds_ahead:
        notes.append(
            f'Practice and learning overlapped: round n was played with version '
            f'n − {config.rounds_ahead} (at least 1), which had not learned from the last '
            f'{config.rounds_ahead} of the rounds before it.'
        )
    latencies = [ms for step in steps if step.phase == Phase.PRACTICE for ms in step.decision_ms]
    if not latencies:
        return notes
    p50, p99 = np.percentile(latencies, [50, 99])
    return [
        *notes,
        f'Decision latency while practising (newest observation to target): p50 {p50:.1f} ms, '
        f'p99 {p99:.1f} ms over {len(latencies)} steps.',
    ]


def _zero_shot_note(config: ExperimentConfig, steps: Sequence[RecordedStep]) -> list[str]:
    successes = [step.success for step in steps if step.phase == Phase.ZERO_SHOT]
    if not successes:
        return []
    low, high = wilson_interval(sum(successes), len(successes))
    return [
        f'Zero-shot: the policy as its class makes it succeeded in {sum(successes)} of '
        f'{len(successes)} episodes ({np.mean(successes):.0%}, 95 % interval {low:.0%} … '
        f'{high:.0%}) on {config.pretraining_task or config.task}. They have other starts than '
        'the evaluations, and the critic was pre-trained on them.'
    ]


def _existing(path: Path) -> Path | None:
    return path if path.exists() else None
