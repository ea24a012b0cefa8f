# SPDX-License-Identifier: Apache-2.0
"""Plays scripted episodes in an environment and records them as D4RL's flat arrays."""

from collections.abc import Callable

import gymnasium
import numpy as np


class TransitionRecorder:
    """Keeps what happened, step after step, episode after episode."""

    def __init__(self, environment: gymnasium.Env) -> None:
        """Record in an environment that the caller resets and closes."""
        self._environment = environment
        self._rows: list[tuple[np.ndarray, np.ndarray, np.ndarray, float, bool, bool]] = []

    def play(
        self,
        observation: np.ndarray,
        steps: int,
        act: Callable[[int, np.ndarray], np.ndarray],
        is_solved: Callable[[float, bool], bool],
    ) -> None:
        """Play one episode.

        Args:
            observation: (O,) of the reset.
            steps: After which it times out.
            act: Called with step and observation (O,); gives the action (D,), clipped to ±1.
            is_solved: Called with reward and the environment's own `terminated`; ends the episode.
        """
        for step in range(steps):
            action = np.clip(act(step, observation), -1.0, 1.0)
            following, given, terminated, *_ = self._environment.step(action.astype(np.float32))
            reward = float(given)
            solved = is_solved(reward, terminated)
            is_last = solved or step + 1 == steps
            self._rows.append((observation, following, action, reward, solved, is_last))
            observation = following
            if is_last:
                return

    def arrays(self) -> dict[str, np.ndarray]:
        """All steps of one episode or more, as `write_d4rl` takes them."""
        observations, following, actions, rewards, solved, ends = map(
            np.array, zip(*self._rows, strict=True)
        )
        return {
            'observations': observations,
            'next_observations': following,
            'actions': actions.astype(np.float32),
            'rewards': rewards.astype(np.float32),
            'terminals': solved,
            'timeouts': ends & ~solved,
        }
