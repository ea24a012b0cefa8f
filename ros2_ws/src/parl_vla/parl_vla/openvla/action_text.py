# SPDX-License-Identifier: Apache-2.0
"""Reads and writes actions as text: many actions of a state behind one prefix.

The prefix, a picture in a prompt, is read once. Actions follow it side by side in one sequence; a
mask lets each look at the prefix and at itself alone, and all begin at the same position.
"""

from dataclasses import dataclass

import torch

from parl_vla.openvla.llama import Llama, Memory


@dataclass(frozen=True, eq=False)
class Prefix:
    """What comes before the actions of B states.

    Attributes:
        embeddings: (B, L, W); the shorter ones end with anything.
        lengths: (B,) how much of each is read.
    """

    embeddings: torch.Tensor
    lengths: torch.Tensor

    @property
    def _is_read(self) -> torch.Tensor:
        places = torch.arange(self.embeddings.shape[1], device=self.lengths.device)
        return places < self.lengths.unsqueeze(1)  # (B, L)

    def mask(self) -> torch.Tensor:
        """Return (B, 1, L, L) bool: each place looks at itself and at those before it.

        What ends the shorter ones lies behind all that is read.
        """
        rows, count = self.embeddings.shape[:2]
        causal = torch.ones(count, count, dtype=torch.bool, device=self.lengths.device).tril()
        return causal.expand(rows, 1, -1, -1)

    def positions(self) -> torch.Tensor:
        """Return (B, L) places, from 0."""
        rows, count = self.embeddings.shape[:2]
        return torch.arange(count, device=self.lengths.device).expand(rows, -1)

    def mask_behind(self, own: torch.Tensor) -> torch.Tensor:
        """Return (B, 1, T, L + S): T places see the prefix, and S places by `own` (T, S)."""
        rows, places = len(self.lengths), len(own)
        before = self._is_read.unsqueeze(1).expand(-1, places, -1)
        return torch.cat([before, own.expand(rows, -1, -1)], dim=2).unsqueeze(1)

    def last(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return the hidden state (B, W) of the last place that is read, of (B, L, W)."""
        index = (self.lengths - 1).view(-1, 1, 1).expand(-1, 1, hidden.shape[2])
        return hidden.gather(1, index).squeeze(1)


@dataclass(frozen=True, eq=False)
class ActionRules:
    """How tokens of actions are drawn.

    Attributes:
        ids: Range of their ids in the vocabulary.
        possible: (D, 256) bool, the bins that each number of an action may take.
        temperature: Divides the logits.
        top_k: Draws only from so many of the likeliest bins; None from all.
    """

    ids: slice
    possible: torch.Tensor
    temperature: float = 1.0
    top_k: int | None = None

    def log_probabilities(self, logits: torch.Tensor, numbers: slice) -> torch.Tensor:
        """Return log p (…, n, 256) of the bins of n numbers, from their logits."""
        logits = (logits / self.temperature).masked_fill(~self.possible[numbers], -torch.inf)
        if self.top_k is not None and self.top_k < logits.shape[-1]:
            least = logits.topk(self.top_k, dim=-1).values[..., -1:]
            logits = logits.masked_fill(logits < least, -torch.inf)
        return logits.log_softmax(-1)


@torch.no_grad()
def draw(
    llama: Llama, prefix: Prefix, rules: ActionRules, uniform: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw k actions of each state by inverting each conditional distribution.

    Args:
        llama: The decoder.
        prefix: Of B states.
        rules: What may be drawn.
        uniform: (B, k, D) in [0, 1); the same numbers give the same actions.

    Returns:
        Bins (B, k, D) and the log-probability (B, k) of each action.
    """
    rows, count, numbers = uniform.shape
    start = prefix.embeddings
    slots = start.shape[1] + count * (numbers - 1)
    memory = Memory(llama.config, rows, slots, start)
    hidden = llama(start, prefix.positions(), prefix.mask(), memory)
    hidden = prefix.last(hidden).unsqueeze(1).expand(-1, count, -1)
    itself = torch.eye(count, dtype=torch.bool, device=start.device)
    bins: list[torch.Tensor] = []
    log_probs: list[torch.Tensor] = []
    for number in range(numbers):
        if number:
            inputs = llama.embed(bins[-1] + rules.ids.start)
            positions = (prefix.lengths + number - 1).unsqueeze(1).expand(-1, count)
            mask = prefix.mask_behind(itself.repeat(1, number))
            hidden = llama(inputs, positions, mask, memory)
        logits = llama.logits(hidden, rules.ids).unsqueeze(2)
        each = rules.log_probabilities(logits, slice(number, number + 1)).squeeze(2)
        chosen = _invert(each.exp(), uniform[..., number])
        bins.append(chosen)
        log_probs.append(each.gather(-1, chosen.unsqueeze(-1)).squeeze(-1))
    return torch.stack(bins, dim=-1), torch.stack(log_probs, dim=-1).sum(-1)


def _invert(probabilities: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    """Return the bins (B, k) at which distributions (B, k, 256) pass the numbers (B, k)."""
    cumulative = probabilities.cumsum(-1)
    found = torch.searchsorted(cumulative, uniform.unsqueeze(-1).contiguous(), right=True)
    found = found.clamp_max(probabilities.shape[-1] - 1)
    # By rounding, the last sum can be less than the number; then the bin found is not possible.
    is_possible = probabilities.gather(-1, found) > 0.0
    return torch.where(is_possible, found, probabilities.argmax(-1, keepdim=True)).squeeze(-1)


def packed_log_probabilities(
    llama: Llama, prefix: Prefix, rules: ActionRules, bins: torch.Tensor
) -> torch.Tensor:
    """Return log p (B, m, D, 256) of each number of given actions, all m in one sequence.

    Args:
        llama: The decoder.
        prefix: Of B states.
        rules: What may be drawn.
        bins: (B, m, D) bins of the actions.
    """
    hidden = packed_states(llama, prefix, rules.ids, bins)
    return rules.log_probabilities(llama.logits(hidden, rules.ids), slice(None))


def packed_states(llama: Llama, prefix: Prefix, ids: slice, bins: torch.Tensor) -> torch.Tensor:
    """Return the hidden states (B, m, D, W) that foretell each number of given actions.

    The last state of the prefix foretells the first number of all m: it is repeated, since a label
    for each position would leave the first numbers of all but one action without a loss.

    Args:
        llama: The decoder.
        prefix: Of B states.
        ids: Range of the ids of actions in the vocabulary.
        bins: (B, m, D) bins of the actions.
    """
    rows, count, numbers = bins.shape
    inputs = llama.embed(bins[..., :-1].flatten(1) + ids.start)
    own = torch.ones(numbers - 1, numbers - 1, dtype=torch.bool, device=bins.device).tril()
    behind = prefix.mask_behind(torch.block_diag(*[own] * count))
    start = prefix.mask()
    nothing = start.new_zeros(*start.shape[:3], behind.shape[3] - start.shape[3])
    mask = torch.cat([torch.cat([start, nothing], dim=3), behind], dim=2)
    steps = torch.arange(numbers - 1, device=bins.device).repeat(count)
    positions = torch.cat([prefix.positions(), prefix.lengths.unsqueeze(1) + steps], dim=1)
    hidden = llama(torch.cat([prefix.embeddings, inputs], dim=1), positions, mask)
    before, after = hidden.split([start.shape[2], inputs.shape[1]], dim=1)
    first = prefix.last(before).view(rows, 1, 1, -1).expand(-1, count, -1, -1)
    return torch.cat([first, after.unflatten(1, (count, numbers - 1))], dim=2)
