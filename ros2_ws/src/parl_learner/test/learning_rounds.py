# SPDX-License-Identifier: Apache-2.0
"""Rounds of a small learning run, and whether they changed something."""

import torch

NAMES = ('a', 'b', 'c')


def run_stage(loop):
    """Works until another stage begins; tells which one it was and how many units it took."""
    name, units = loop.stage.name, 0
    while not loop.idle and loop.stage.name == name:
        loop.advance()
        units += 1
    return name, units


def run_round(loop, episodes):
    loop.begin_round(episodes)
    done = []
    while not loop.idle:
        done.append(run_stage(loop))
    return done


def tensors(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def is_same(before, module):
    return all(torch.equal(before[name], value) for name, value in module.state_dict().items())
