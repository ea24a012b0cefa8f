# SPDX-License-Identifier: Apache-2.0
"""The report of an experiment: a Markdown page with a table, figures and two films."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from parl_files.durable_file import DurableWriteError, make_folder, write_durably
from parl_files.episode import Episode, Outcome, Purpose
from parl_files.episode_file import EpisodeFileError, read_episode, read_frames
from parl_files.error import ParlError
from parl_learner.plan.gate import GateResult
from parl_learner.report.binomial_interval import difference_interval, wilson_interval
from parl_learner.report.calibration_figure import write_calibration_figure
from parl_learner.report.duration import duration
from parl_learner.report.episode_video import EpisodeVideoError, write_episode_video
from parl_learner.report.learner_log import read_learner_log, write_training_figure
from parl_learner.report.learning_curve import write_learning_curve
from parl_learner.report.report_data import EvaluationResult, PhaseTime, ReportData


@dataclass(frozen=True, kw_only=True)
class _Recorded:
    """Episodes with their files, and the messages about files that cannot be read."""

    episodes: Sequence[tuple[Path, Episode]]
    skipped: Sequence[str]


def write_report(folder: Path, data: ReportData) -> Path:
    """Write report.md, learning_curve.png, q_calibration.png, training.png and the two films.

    The page names the parts that cannot be made (no frames, unreadable file …).

    Args:
        folder: Folder of the report; it is made if missing, older files in it are replaced.
        data: The contents of the report.

    Returns:
        Path of report.md.

    Raises:
        DurableWriteError: The folder cannot be made, or the page cannot be written.
    """
    folder = make_folder(Path(folder))
    recorded = _read_all(data.episode_folder)
    practice = [
        episode.success
        for _, episode in recorded.episodes
        if episode.purpose == Purpose.PRACTICE and episode.trainable
    ]
    parts = [
        _head(data, recorded),
        gate_table(data.gate),
        _learning_part(folder, data, practice),
        _calibration_part(folder, data),
        _training_part(folder, data),
        _video_part(folder, data, recorded),
        _phase_table(data.phases),
    ]
    text = '\n\n'.join(part for part in parts if part) + '\n'
    return write_durably(folder / 'report.md', text.encode())


def result_table(evaluations: Sequence[EvaluationResult]) -> str:
    """Format the result table as Markdown, one row per evaluation."""
    lines = [
        '| policy | success | 95 % interval | mean steps | episodes practised | wall time |',
        '|---|---|---|---|---|---|',
    ]
    for result in evaluations:
        low, high = wilson_interval(result.successes, result.episodes)
        lines.append(
            f'| {result.label} | {result.successes}/{result.episodes} ({result.rate:.0%}) '
            f'| {low:.0%} … {high:.0%} | {result.mean_steps:.1f} | {result.practised_episodes} '
            f'| {duration(result.seconds)} |'
        )
    return '\n'.join(lines)


def gate_table(gate: Sequence[GateResult]) -> str:
    """Format the results of the gate as Markdown, one row per version; empty without a gate."""
    if not gate:
        return ''
    lines = ['## Gate', '', '| version | success | decision |', '|---|---|---|']
    for result in gate:
        is_kept = result.kept == result.version
        decision = 'kept' if is_kept else f'put back to version {result.kept}'
        lines.append(f'| {result.version} | {result.successes}/{result.episodes} | {decision} |')
    lines += [
        '',
        f'All versions played from the same starts. Version {gate[-1].kept} is the one that was '
        'evaluated after practice.',
    ]
    return '\n'.join(lines)


def _read_all(folder: Path) -> _Recorded:
    episodes = []
    skipped = []
    for path in sorted(Path(folder).glob('*.mcap')):
        try:
            episodes.append((path, read_episode(path)))
        except EpisodeFileError as error:
            skipped.append(str(error))
    episodes.sort(key=lambda pair: pair[1].episode_id)
    return _Recorded(episodes=episodes, skipped=skipped)


def _head(data: ReportData, recorded: _Recorded) -> str:
    lines = [
        f'# {data.task}: report of the experiment with seed {data.seed}',
        '',
        result_table(data.evaluations),
        '',
    ]
    before, after = _before_and_after(data.evaluations)
    for later in after:
        for earlier in before:
            low, high = difference_interval(
                earlier.successes, earlier.episodes, later.successes, later.episodes
            )
            gain = 100 * (later.rate - earlier.rate)
            lines.append(
                f'- Gain of *{later.label}* over *{earlier.label}*: {gain:+.0f} points '
                f'(95 % interval {100 * low:+.0f} … {100 * high:+.0f}).'
            )
    lines += [
        '',
        'Intervals: Wilson for a rate, Newcombe for a difference. Wall time: from the '
        'start of the experiment until that policy was ready.',
    ]
    lines += [
        f'\n{note}' for note in (*_aborted_attempts(data.evaluations, recorded), *data.notes)
    ]
    if recorded.skipped:
        lines += ['', '**Episode files not used:**', '', *(f'- {why}' for why in recorded.skipped)]
    return '\n'.join(lines)


def _aborted_attempts(
    evaluations: Sequence[EvaluationResult], recorded: _Recorded
) -> Sequence[str]:
    # Without this line a policy that drives the arm into things would look better than it is.
    ids = Counter(e.episode_id for _, e in recorded.episodes if e.outcome == Outcome.ABORTED)
    counts = {r.label: sum(ids[episode_id] for episode_id in r.episode_ids) for r in evaluations}
    told = ', '.join(f'{count} of *{label}*' for label, count in counts.items() if count)
    return [f'Aborted, played again from another start and not counted: {told}.'] if told else []


def _learning_part(folder: Path, data: ReportData, practice: Sequence[bool]) -> str:
    head = '## Learning\n\n'
    try:
        write_learning_curve(folder / 'learning_curve.png', practice, data.evaluations)
    except DurableWriteError as error:
        return f'{head}No learning curve: {error}'
    return f'{head}![Success over practice](learning_curve.png)'


def _calibration_part(folder: Path, data: ReportData) -> str:
    head = '## Critic\n\n'
    if data.calibration is None or not len(data.calibration.q_values):
        return f'{head}No calibration: there were no transitions to compare.'
    try:
        write_calibration_figure(folder / 'q_calibration.png', data.calibration)
    except DurableWriteError as error:
        return f'{head}No calibration: {error}'
    return f'{head}![Q against return](q_calibration.png)'


def _training_part(folder: Path, data: ReportData) -> str:
    if data.learner_log is None or not data.learner_log.is_file():
        return ''
    try:
        log = read_learner_log(data.learner_log)
        write_training_figure(folder / 'training.png', log)
    except ParlError as error:
        return f'No training figure: {error}'
    return '![Losses and values](training.png)'


def _video_part(folder: Path, data: ReportData, recorded: _Recorded) -> str:
    before, after = _before_and_after(data.evaluations)
    wanted = (
        ('failure_before.mp4', 'failure', False, before),
        ('success_after.mp4', 'success', True, after[::-1]),
    )
    lines = ['## Films', '']
    for name, word, success, evaluations in wanted:
        found = _find(recorded, evaluations, success)
        if found is None:
            labels = ', '.join(result.label for result in evaluations) or 'nothing earlier'
            lines.append(f'- No film of a {word}: none was recorded ({labels}).')
            continue
        path, episode, label = found
        try:
            write_episode_video(
                folder / name,
                next(iter(read_frames(path).values()), []),
                data.control_rate_hz,
                f'{label}: {episode.outcome}',
            )
            lines.append(
                f'- [{name}]({name}): a {word} of *{label}*, episode `{episode.episode_id}`'
            )
        except (EpisodeVideoError, EpisodeFileError) as error:
            lines.append(f'- No film of a {word}: {error}')
    return '\n'.join(lines)


def _before_and_after(
    evaluations: Sequence[EvaluationResult],
) -> tuple[list[EvaluationResult], list[EvaluationResult]]:
    before = [result for result in evaluations if not result.practised_episodes]
    return before, [result for result in evaluations if result.practised_episodes]


def _find(
    recorded: _Recorded, evaluations: Sequence[EvaluationResult], success: bool
) -> tuple[Path, Episode, str] | None:
    """Find an evaluation episode with that ending, in the first evaluation that has one."""
    by_id = {episode.episode_id: (path, episode) for path, episode in recorded.episodes}
    for result in evaluations:
        for episode_id in result.episode_ids:
            path, episode = by_id.get(episode_id, (None, None))
            if (
                path is not None
                and episode is not None
                and episode.success == success
                and episode.outcome.is_played
            ):
                return path, episode, result.label
    return None


def _phase_table(phases: Sequence[PhaseTime]) -> str:
    if not phases:
        return ''
    lines = ['## Time', '', '| phase | wall time |', '|---|---|']
    lines += [f'| {phase.label} | {duration(phase.seconds)} |' for phase in phases]
    lines.append(f'| **together** | **{duration(sum(phase.seconds for phase in phases))}** |')
    return '\n'.join(lines)
