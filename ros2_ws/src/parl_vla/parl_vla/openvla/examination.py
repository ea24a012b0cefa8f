# SPDX-License-Identifier: Apache-2.0
"""Checks of an adapted OpenVLA that `parl-doctor` cannot know."""

from collections.abc import Iterator
import contextlib
from dataclasses import dataclass

from peft.tuners.lora import Linear
import torch
from torch import nn

from parl_policy.doctor.finding import Finding, judge, not_applicable
from parl_vla.adapters import lora
from parl_vla.openvla.action_bins import ActionStatistics, BINS
from parl_vla.openvla.action_text import ActionRules, draw, packed_log_probabilities, Prefix
from parl_vla.openvla.network import OpenVLANetwork

LEAST_RANGE, MOST_RANGE = 1e-4, 10.0
"""Ranges of an action [m or rad] that a robot's arm can have in one step."""
MOST_DIFFERENCE = 1e-2
"""Difference of log-probabilities by which merged float32 weights may differ: rounding."""
COARSE_DIFFERENCE = 0.5
"""The same where the hidden states are bfloat16, whose own rounding is as large."""


@dataclass(frozen=True, eq=False)
class Reading:
    """A network before one state.

    Attributes:
        network: With its adapters.
        prefix: Of the state.
        rules: What may be drawn.
    """

    network: OpenVLANetwork
    prefix: Prefix
    rules: ActionRules

    def log_probabilities(self, bins: torch.Tensor) -> torch.Tensor:
        """Return log p of each possible bin of given actions; 0 for impossible ones."""
        llama = self.network.language_model
        found = packed_log_probabilities(llama, self.prefix, self.rules, bins)
        return found.masked_fill(~self.rules.possible, 0.0)


def statistics_finding(key: str, statistics: ActionStatistics) -> Finding:
    """Judge whether the ranges of a dataset's actions can be those of an arm."""
    scaled = statistics.scaled
    ranges = (statistics.high - statistics.low)[scaled]
    moving = ranges[ranges > 0.0]
    is_wrong = not len(moving) or moving.min() < LEAST_RANGE or moving.max() > MOST_RANGE
    widest = f'{moving.min():.3g}…{moving.max():.3g}' if len(moving) else 'none'
    return judge(
        'action statistics',
        bool(is_wrong),
        f'{key!r}: ranges {widest} m or rad, {len(ranges) - len(moving)} numbers never move',
        'q01 and q99 are no steps of an arm: give the unnorm_key of the data that the checkpoint '
        'was trained on, or its dataset_statistics.json',
    )


def token_finding(reading: Reading, uniform: torch.Tensor) -> Finding:
    """Draw actions (1, k, D) and see whether all are tokens of actions with a probability."""
    name = 'token range'
    rules, llama = reading.rules, reading.network.language_model
    first, end, rows = rules.ids.start, rules.ids.stop, llama.lm_head.weight.shape[0]
    ids = f'ids {first}…{end - 1} of {rows}'
    remedy = (
        "weights are NaN, or config.json's vocab_size and pad_to_multiple_of are not those of the "
        'weights: copy the checkpoint again'
    )
    if first < 0 or end - first != BINS or end > rows:
        return judge(name, True, f'{ids} are not {BINS} of the vocabulary', remedy)
    bins, log_probs = draw(llama, reading.prefix, rules, uniform)
    numbers = torch.arange(bins.shape[-1], device=bins.device)
    possible = int(rules.possible[numbers, bins].sum())
    lost = int((~log_probs.isfinite()).sum())
    return judge(
        name,
        possible < bins.numel() or lost > 0,
        f'{possible} of {bins.numel()} tokens are possible, {ids}, '
        f'{lost} actions without a probability',
        remedy,
    )


def precision_finding(network: OpenVLANetwork, asked: torch.dtype) -> Finding:
    """Name the types of the frozen weights and of the adapters."""
    frozen = {each.dtype for name, each in network.named_parameters() if '.lora_' not in name}
    learning = {each.dtype for each in lora.adapters(network).values()}
    return judge(
        'precision of weights',
        frozen != {asked} or learning != {torch.float32},
        f'frozen {_named(frozen)}, adapters {_named(learning)}',
        f'expected {_named({asked})} and float32: load it again by its version file',
    )


def _named(kinds: set[torch.dtype]) -> str:
    return ' and '.join(sorted(str(kind).removeprefix('torch.') for kind in kinds))


def merge_finding(reading: Reading, bins: torch.Tensor) -> Finding:
    """Compare the network with its adapters beside its weights and merged into them.

    Args:
        reading: Of one state.
        bins: (1, m, D) actions to compare on.
    """
    name = 'unmerged and merged'
    beside = reading.log_probabilities(bins)
    with merged(reading.network, torch.float32):
        inside = reading.log_probabilities(bins)
    difference = float((beside - inside).abs().max())
    lost = bfloat16_loss(reading.network)
    if lost is None:
        return not_applicable(name, 'the adapters change nothing yet')
    is_coarse = reading.prefix.embeddings.dtype != torch.float32
    allowed = COARSE_DIFFERENCE if is_coarse else MOST_DIFFERENCE
    return judge(
        name,
        not difference <= allowed,
        f'log-probabilities differ by {difference:.2g}; a merge in bfloat16 would lose '
        f'{lost:.0%} of what was learnt',
        f'at most {allowed} is rounding: merge in float32, with scale alpha / rank',
    )


@contextlib.contextmanager
def merged(network: OpenVLANetwork, kind: torch.dtype) -> Iterator[None]:
    """Compute as if the adapters were merged in that type; one layer's sum in memory at a time."""

    def computed(layer: nn.Module, inputs: tuple[torch.Tensor, ...], _: object) -> torch.Tensor:
        assert isinstance(layer, Linear)
        weight = lora.merged_weight(layer, kind).float()
        return nn.functional.linear(inputs[0].float(), weight).to(inputs[0].dtype)

    hooks = [
        each.register_forward_hook(computed) for each in lora.adapted_layers(network).values()
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def bfloat16_loss(network: OpenVLANetwork) -> float | None:
    """Return the share of the learnt change that a merge in bfloat16 loses; None without a change.

    It is the error of the change as stored, relative to the change, in the Euclidean norm.
    """
    error = change = 0.0
    for layer in lora.adapted_layers(network).values():
        before = layer.weight.to(torch.bfloat16)
        learnt = lora.merged_weight(layer, torch.float32) - layer.weight.float()
        stored = (before.float() + learnt).to(torch.bfloat16).float() - before.float()
        error += float((stored - learnt).square().sum())
        change += float(learnt.square().sum())
    return (error / change) ** 0.5 if change else None
