# SPDX-License-Identifier: Apache-2.0
"""Answers what a client of OpenVLA asks, with the actor of a policy version."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from parl_files.config_file import ConfigError
from parl_policy.acting.actor import Actor
from parl_policy.acting.actor_file import ActorConfig, load_actor
from parl_policy.episode.action_space import (
    ACTION_DIM,
    ACTION_NAMES,
    GRIPPER,
    MAX_ROTATION_RAD,
    MAX_TRANSLATION_M,
)
from parl_policy.observations import Observation
from parl_vla.serve.json_numpy import RequestError

FIELDS = {'image', 'instruction', 'unnorm_key'}
MAX_INSTRUCTION = 1000
"""Characters of an instruction."""


def to_units(action: np.ndarray) -> np.ndarray:
    """Return a control step (7,) in [-1, 1] as OpenVLA's clients expect it, (7,) float64.

    These are dx, dy, dz [m], droll, dpitch, dyaw [rad] and the gripper's opening, 0 closed … 1
    open.
    """
    units = np.asarray(action, np.float64).copy()
    units[:3] *= MAX_TRANSLATION_M
    units[3:GRIPPER] *= MAX_ROTATION_RAD
    units[GRIPPER] = (units[GRIPPER] + 1.0) / 2.0
    return units


@dataclass(frozen=True)
class ServedActor:
    """An actor that sees one camera and reads the instruction.

    Attributes:
        actor: Acts; it belongs to one thread.
        config: How it was made.
        camera: Name of its camera.
        generator: Source of its samples, from one request to the next.
    """

    actor: Actor
    config: ActorConfig
    camera: str
    generator: torch.Generator

    def answer(self, request: object) -> np.ndarray:
        """Return the action (7,) of a request; of a chunk its first control step.

        Raises:
            RequestError: The request does not hold what is needed.
        """
        picture, instruction = self._read(request)
        numbers = np.zeros(len(self.config.observation_names), np.float32)
        observation = Observation(numbers, {self.camera: picture}, instruction)
        return to_units(self.actor.act(observation, self.generator).action[:ACTION_DIM])

    def _read(self, request: object) -> tuple[np.ndarray, str]:
        if not isinstance(request, Mapping):
            raise RequestError(f'it holds a {type(request).__name__}, expected a mapping')
        if unknown := sorted(set(request) - FIELDS):
            raise RequestError(f'it has the unknown fields {unknown}; known are {sorted(FIELDS)}')
        self._check_key(request.get('unnorm_key'))
        return _picture(request.get('image')), _instruction(request.get('instruction'))

    def _check_key(self, asked: object) -> None:
        own = getattr(getattr(self.actor.policy, 'config', None), 'unnorm_key', None)
        if None not in (asked, own) and asked != own:
            raise RequestError(
                f'unnorm_key is {asked!r}, but this policy version acts by {own!r}; leave it out'
            )


def _picture(image: Any) -> np.ndarray:  # noqa: ANN401
    if not isinstance(image, np.ndarray):
        raise RequestError('image must be an array as json-numpy writes it')
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise RequestError(
            f'image is {image.dtype} {image.shape}, expected uint8 (height, width, 3), RGB'
        )
    return image


def _instruction(text: object) -> str:
    if not isinstance(text, str) or not text.strip():
        raise RequestError(f'instruction must be a text that says what to do: {text!r}')
    if len(text) > MAX_INSTRUCTION:
        raise RequestError(f'instruction has {len(text)} characters, at most {MAX_INSTRUCTION}')
    return text


def served_actor(policy: Path, critic: Path | None, seed: int) -> ServedActor:
    """Read an actor whose needs the requests of OpenVLA's clients can meet.

    Raises:
        ConfigError: It sees none or several cameras, reads numbers, or its actions are others.
        WeightsFileError: A file cannot be used.
    """
    actor, config, _ = load_actor(policy, critic)
    needs = [config.policy_needs] + ([config.critic_needs] if critic else [])
    cameras = sorted(set().union(*(each.pictures for each in needs)))
    if len(cameras) != 1:
        raise ConfigError(
            f'{policy} sees the cameras {cameras}, but a request holds one picture; serve a '
            'version that sees one'
        )
    for who, each in zip(('policy', 'critic'), needs, strict=False):
        if config.observation_names and each.numbers:
            raise ConfigError(
                f'the {who} reads the numbers {list(config.observation_names)}, but a request '
                f'holds none; serve a {who} of pictures and instruction alone'
            )
    spec = config.action_spec
    if spec.dim != ACTION_DIM:
        raise ConfigError(f'{policy} has {spec.dim} numbers a step, expected {ACTION_NAMES}')
    actor.prepare()
    generator = torch.Generator(torch.get_default_device()).manual_seed(seed)
    return ServedActor(actor, config, cameras[0], generator)
