# SPDX-License-Identifier: Apache-2.0
"""The search for steps that were done but not recorded, because the experiment was killed."""

from collections.abc import Collection

from parl_files.episode_library import EpisodeLibrary
from parl_learner.experiment.record import RecordedStep
from parl_learner.plan.experiment_config import ExperimentConfig
from parl_learner.plan.schedule import EpisodeStep, LearnStep, Phase, planned_steps


def unrecorded_steps(
    config: ExperimentConfig, library: EpisodeLibrary, version: int, recorded: Collection[str]
) -> list[tuple[EpisodeStep | LearnStep, RecordedStep]]:
    """Find the steps whose results are on disk but not in the record.

    Args:
        config: The experiment.
        library: The episodes of the experiment, refreshed.
        version: The newest policy version; -1 if there is none.
        recorded: Names of the steps in the record.

    Returns:
        The steps, in the experiment's order, and what to record. Their wall time was not measured:
        an episode counts with its own duration, a version with 0 s.
    """
    found: list[tuple[EpisodeStep | LearnStep, RecordedStep]] = []
    completed = library.completed()
    for step in planned_steps(config, library.successes()):
        if isinstance(step, LearnStep):
            if step.version <= version and step.record_name not in recorded:
                learned = RecordedStep(phase=Phase.LEARNING, name=step.record_name, seconds=0.0)
                found.append((step, learned))
        elif step.episode_id in completed and step.episode_id not in recorded:
            episode = library.named(completed[step.episode_id])
            played = RecordedStep(
                phase=step.phase,
                name=step.episode_id,
                seconds=float(episode.stamps_s[-1] - episode.stamps_s[0]),
                success=episode.success,
                steps=len(episode),
            )
            found.append((step, played))
    return found
