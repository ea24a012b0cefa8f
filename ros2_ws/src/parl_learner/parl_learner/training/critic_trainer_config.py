# SPDX-License-Identifier: Apache-2.0
"""The configuration of the critic's algorithm."""

from dataclasses import dataclass
from typing import Literal

Algorithm = Literal['cal_ql', 'cql', 'iql', 'rlpd']


@dataclass(frozen=True, kw_only=True)
class CriticTrainerConfig:
    """The critic's algorithm and its numbers; defaults are the paper's for state observations."""

    algorithm: Algorithm = 'cal_ql'
    """Cal-QL (2303.05479), CQL (2006.04779), IQL (2110.06169) or RLPD (2302.02948).

    Cal-QL and CQL add a conservative term to the Bellman error, calibrated in Cal-QL. RLPD has no
    such term; it uses the minimum of a few members of a large ensemble. IQL backs up the value of
    the state, an expectile over the data's actions, and so needs no action of π_opt.
    """
    practice_algorithm: Algorithm | None = None
    """Algorithm from the first practice round on; None keeps `algorithm`."""
    learning_rate: float = 3e-4
    """Learning rate of Adam."""
    target_rate: float = 0.005
    """Share of the critic that the target critics take over at each update."""
    subsample: int = 2
    """Members drawn for the target's minimum, and for the regulariser.

    They are drawn with replacement, as in PA-RL's release; for RLPD without, as in its own.
    """
    cql_weight: float = 0.005
    """α of the conservative term: 0.005 with a cross-entropy loss, 0.01 with MSE on the robot.

    The term is a mean over the drawn members, the Bellman error a mean over all (PA-RL's release).
    """
    cql_actions: int = 10
    """Number of uniform, of current and of next policy actions in the conservative term."""
    expectile: float = 0.7
    """τ of IQL's state value; 0.9 in its AntMaze runs."""
    backup: Literal['softmax', 'argmax', 'policy'] = 'softmax'
    """How the next action in targets and the policy action in the regulariser are chosen.

    'softmax' draws from π_opt (paper), 'argmax' takes its best particle (release), 'policy' takes
    a sample of the policy without optimisation (PA-RL, Fig. 16).
    """

    return_weight: float = 0.0
    """Share of the Monte-Carlo return in the target, beside the bootstrap; 0 in the paper.

    After few updates, bootstrapped values have not reached the start of an episode; returns have.
    """

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if not 0.0 <= self.return_weight <= 1.0:
            raise ValueError(f'return_weight must lie in [0, 1]: {self.return_weight}')
        if not 0.0 < self.expectile < 1.0:
            raise ValueError(f'expectile must lie in (0, 1): {self.expectile}')
        if self.backup not in ('softmax', 'argmax', 'policy'):
            raise ValueError(
                f"backup is {self.backup!r}, expected 'softmax', 'argmax' or 'policy'"
            )
        if self.subsample < 1 or self.cql_actions < 1 or self.cql_weight < 0:
            raise ValueError(f'subsample and cql_actions must be >= 1, cql_weight >= 0: {self}')
        if not self.learning_rate >= 0 or not 0.0 <= self.target_rate <= 1.0:
            raise ValueError(
                f'learning_rate must be >= 0 and target_rate lie in [0, 1]: '
                f'{self.learning_rate}, {self.target_rate}'
            )

    @property
    def algorithms(self) -> set[str]:
        """The algorithms that train the critic, before practice and in practice."""
        return {self.algorithm, self.practice_algorithm or self.algorithm}

    def check_members(self, members: int) -> None:
        """Refuse an ensemble that the algorithm cannot draw from.

        Raises:
            ValueError: RLPD would draw more members than there are.
        """
        if 'rlpd' in self.algorithms and self.subsample > members:
            raise ValueError(
                f'rlpd draws {self.subsample} different members of {members}; '
                f'raise critic.members (10 in RLPD) or lower critic_trainer.subsample'
            )
