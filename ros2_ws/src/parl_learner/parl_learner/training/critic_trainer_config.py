# SPDX-License-Identifier: Apache-2.0
"""Which critic algorithm, and its numbers."""

from dataclasses import dataclass
from typing import Literal

Algorithm = Literal['cal_ql', 'cql', 'iql', 'rlpd']


@dataclass(frozen=True, kw_only=True)
class CriticTrainerConfig:
    """Defaults are the paper's for state observations."""

    algorithm: Algorithm = 'cal_ql'
    """Cal-QL (2303.05479), CQL (2006.04779), IQL (2110.06169) or RLPD (2302.02948).

    Cal-QL and CQL add a conservative term, calibrated or not, to the Bellman error; RLPD has none
    and relies on the minimum of a few members of a large ensemble. IQL backs up the value of the
    state, an expectile over the data's actions, and so asks for no action of π_opt.
    """
    practice_algorithm: Algorithm | None = None
    """Another algorithm from the first practice round on; None keeps the same one."""
    learning_rate: float = 3e-4
    """Adam."""
    target_rate: float = 0.005
    """Target critics follow at this rate per update."""
    subsample: int = 2
    """Members drawn for the target's minimum, and for the regulariser.

    With replacement as in PA-RL's release; without for RLPD, as in its own.
    """
    cql_weight: float = 0.005
    """α of the conservative term; 0.005 beside a cross-entropy, 0.01 beside MSE on the robot.

    The term is a mean over the drawn members, the Bellman error one over all, as released.
    """
    cql_actions: int = 10
    """Uniform, current-policy and next-policy actions each in the conservative term."""
    expectile: float = 0.7
    """τ of IQL's state value; 0.9 in its AntMaze runs."""
    backup: Literal['softmax', 'argmax', 'policy'] = 'softmax'
    """Next action in targets, and policy action in the regulariser.

    Of π_opt: drawn (paper) or the best (release); or of the policy, not optimised (Fig. 16).
    """

    return_weight: float = 0.0
    """Share of the Monte-Carlo return in the target, beside the bootstrap; 0 as in the paper.

    With few updates a bootstrap has not reached the start of an episode yet; the return has.
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
        """Those that train the critic, before practice and in it."""
        return {self.algorithm, self.practice_algorithm or self.algorithm}

    def check_members(self, members: int) -> None:
        """Refuse an ensemble that the algorithm cannot draw from.

        Raises:
            ValueError: RLPD is to draw more members than there are.
        """
        if 'rlpd' in self.algorithms and self.subsample > members:
            raise ValueError(
                f'rlpd draws {self.subsample} different members of {members}; '
                f'raise critic.members (10 in RLPD) or lower critic_trainer.subsample'
            )
