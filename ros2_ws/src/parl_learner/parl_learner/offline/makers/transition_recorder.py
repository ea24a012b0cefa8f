# SPDX-License-Identifier: Apache-2.0
"""A recorder that plays scripted episodes and keeps them as D4RL's flat arrays."""

from collections.abc import Callable

import gymnasium
import numpy as np

from parl_policy.observations import Observation


class TransitionRecorder:
    """Plays episodes and keeps all their transitions."""

    def __init__(self, environment: gymnasium.Env) -> None:
        """Use an environment that the caller resets and closes."""
        self._environment = environment
        self._rows: list[tuple[np.ndarray, np.ndarray, np.ndarray, float, bool, bool]] = []

    def play(
        self,
        observation: Observation,
        steps: int,
        act: Callable[[int, np.ndarray], np.ndarray],
        is_solved: Callable[[float, bool], bool],
    ) -> None:
        """Play one episode.

        Args:
            observation: From the reset; its numbers (O,) are kept, not its pictures.
            steps: Control steps after which the episode times out.
            act: Called with step and numbers (O,); returns the action (D,), which is clipped
                to ±1.
            is_solved: Called with reward and the environment's own `terminated`; True ends the
                episode in success.
        """
        numbers = observation.numbers
        for step in range(steps):
            action = np.clip(act(step, numbers), -1.0, 1.0)
            following, given, terminated, *_ = self._environment.step(action.astype(np.float32))
            reward = float(given)
            solved = is_solved(reward, terminated)
            is_last = solved or step + 1 == steps
            self._rows.append((numbers, following.numbers, action, reward, solved, is_last))
            numbers = following.numbers
            if is_last:
                return

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all M transitions, for `write_d4rl`; at least one episode must have been played.

        Returns:
            observations and next_observations (M, O), actions (M, D), rewards (M,), terminals and
            timeouts (M,) bool.
        """
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
