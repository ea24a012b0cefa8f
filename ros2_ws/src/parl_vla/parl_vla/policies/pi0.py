# SPDX-License-Identifier: Apache-2.0
"""π0 as a policy: it sees cameras, reads the instruction and turns noise into actions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

import torch
from torch import nn
from torch.nn import functional

from parl_files.config_file import ConfigError
from parl_policy.networks.observation_normaliser import ObservationNormaliser
from parl_policy.observations import Observations, PictureConfig, States
from parl_policy.policy import ActionSpec, weigh_targets
from parl_vla.adapters.adapted_model import check_adapted, hash_tensor, KEY
from parl_vla.adapters.lora import adapters, inject_adapters, LoraConfig, set_adapters
from parl_vla.pi0.base import ADAPTED, Base, load_base
from parl_vla.pi0.pixels import pixels
from parl_vla.pi0.prefix import Prefix, read
from parl_vla.pi0.prompt import Prompt

MEMORY_BYTES = 64 << 20
"""Keys and values of the states whose actions are drawn together on a CPU."""
GPU_SHARE = 0.25
"""The same on a GPU, as a share of the memory that is free."""
_STATISTICS = 'statistics.'


@dataclass(frozen=True, kw_only=True)
class Pi0PolicyConfig:
    """Settings; the checkpoint gives the rest."""

    reads_instruction: ClassVar[bool] = True

    model: str
    """Folder of a checkpoint that transformers reads, with its tokenizer.json."""
    pictures: Mapping[str, PictureConfig]
    """The cameras that it sees, and the part and size of their pictures."""
    cameras: tuple[str, ...] = ()
    """Order in which it sees them, e.g. scene before wrist; by name if empty.

    Files of versions do not keep the order of `pictures`.
    """
    normalisation: Literal['fitted', 'checkpoint'] = 'fitted'
    """Whose statistics scale the numbers: the demonstrations', or those of the checkpoint.

    With those of the checkpoint its actions are scaled too, and must then be PARL's.
    """
    steps: int | None = None
    """Euler steps from noise to action; None for as many as the checkpoint says."""
    lora: LoraConfig = field(default_factory=LoraConfig)
    """Size of the adapters of the action expert; they alone learn."""
    precision: Literal['float32', 'bfloat16'] = 'float32'
    """Type of the frozen weights; adapters are float32."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not self.pictures:
            raise ValueError('pictures must name a camera or more')
        if self.cameras and sorted(self.cameras) != sorted(self.pictures):
            raise ValueError(f'cameras {self.cameras} must be those of {sorted(self.pictures)}')
        if self.normalisation not in ('fitted', 'checkpoint'):
            raise ValueError(
                f"normalisation is {self.normalisation!r}, expected 'fitted' or 'checkpoint'"
            )
        if self.steps is not None and self.steps < 1:
            raise ValueError(f'steps must be at least 1: {self.steps}')
        if self.precision not in ('float32', 'bfloat16'):
            raise ValueError(f"precision is {self.precision!r}, expected 'float32' or 'bfloat16'")

    @property
    def order(self) -> tuple[str, ...]:
        """The cameras as they are seen, one after the other."""
        return self.cameras or tuple(sorted(self.pictures))


@dataclass(frozen=True, eq=False)
class SeenStates:
    """What `encode` keeps of B states.

    Attributes:
        prefix: What the frozen vision-language model read.
        numbers: (B, S), normalised and filled with zeros.
    """

    prefix: Prefix
    numbers: torch.Tensor

    def __len__(self) -> int:
        """Return the number of states B."""
        return len(self.numbers)

    def __getitem__(self, rows: slice) -> 'SeenStates':
        """Return some of the states."""
        return SeenStates(self.prefix[rows], self.numbers[rows])


class Pi0Policy:
    """Implements `parl_policy.policy.Policy`; only the adapters of its action expert learn.

    An action of T steps of A numbers begins the model's chunk of H steps of M numbers. In a target
    the other numbers are zeros, as in π0's training, and the other steps repeat the last one and
    have no loss.
    """

    def __init__(
        self, observation_dim: int, action_spec: ActionSpec, config: Pi0PolicyConfig
    ) -> None:
        """Adapt the checkpoint with adapters that change nothing yet.

        Raises:
            ParlError: The checkpoint cannot be used, or is too small for observation or action.
        """
        self.action_spec = action_spec
        self.config = config
        kind = torch.float32 if config.precision == 'float32' else torch.bfloat16
        self.base: Base = load_base(Path(config.model).expanduser(), kind)
        self.network = self.base.adapted(lambda net: inject_adapters(net, config.lora, ADAPTED))
        shape = self.network.config
        self.chunk = (shape.chunk_size, shape.max_action_dim)
        for what, ours, most in (
            ('control steps of an action', action_spec.horizon, shape.chunk_size),
            ('numbers of a control step', action_spec.dim, shape.max_action_dim),
            ('numbers of an observation', observation_dim, shape.max_state_dim),
        ):
            if ours > most:
                raise ConfigError(f'{ours} {what} are more than the {most} of {config.model}')
        self.prompt = Prompt(
            self.base.folder / 'tokenizer.json',
            shape.vlm_config.image_token_id,
            self.base.parts * len(config.order),
        )
        self.normaliser = ObservationNormaliser(observation_dim)
        self.mean, self.std = torch.zeros(action_spec.dim), torch.ones(action_spec.dim)
        if config.normalisation == 'checkpoint':
            mean, std = self.base.stored_statistics('state', observation_dim)
            self.normaliser.mean.copy_(mean)
            self.normaliser.std.copy_(std + 1e-8)
            mean, std = self.base.stored_statistics('actions', action_spec.dim)
            self.mean, self.std = mean.to(self.mean), std.to(self.std) + 1e-8

    def fit_normalisation(self, observations: torch.Tensor) -> None:
        """Set the normalisation of the numbers (N, O), unless the checkpoint's holds."""
        if self.config.normalisation == 'fitted':
            self.normaliser.fit(observations)

    def encode(self, observations: States) -> SeenStates:
        """Read the pictures and instructions; all actions of a state share this."""
        assert isinstance(observations, Observations)
        device, kind = torch.get_default_device(), self.network.dtype
        size = self.base.picture_size
        pictures = torch.stack(
            [pixels(observations.pictures[each], size) for each in self.config.order], 1
        )
        ids, counts = (each.to(device) for each in self.prompt.ids(observations.instructions))
        prefix = read(self.network, ids, counts, pictures.to(device, kind))
        numbers = self.normaliser(observations.numbers)
        missing = self.network.config.max_state_dim - numbers.shape[-1]
        return SeenStates(prefix, functional.pad(numbers, (0, missing)))

    @torch.no_grad()
    def sample(self, context: SeenStates, count: int, generator: torch.Generator) -> torch.Tensor:
        """Turn noise into actions (B, k, D) in [-1, 1], with one reading of each state."""
        noise = torch.randn((len(context), count, *self.chunk), generator=generator)
        at_once = self.states_at_once(context, count)
        chunks = torch.cat(
            [
                self.denoise(context[first : first + at_once], noise[first : first + at_once])
                for first in range(0, len(context), at_once)
            ]
        )
        steps = chunks[..., : self.action_spec.horizon, : self.action_spec.dim]
        actions = (steps * self.std + self.mean).flatten(-2).clamp(-1.0, 1.0)
        return self.action_spec.snap(actions)

    def denoise(self, context: SeenStates, noise: torch.Tensor) -> torch.Tensor:
        """Return the chunks (B, k, H, M), in the model's units, that grow from this noise."""
        count = noise.shape[1]
        cache = context.prefix.cache(count)
        read_tokens = cache.get_seq_length()
        steps = self.config.steps or self.network.config.num_inference_steps
        chunks = noise.flatten(0, 1)
        for step in range(steps):
            times = torch.full((len(chunks),), 1.0 - step / steps)
            chunks = chunks - self._velocity(context, count, cache, chunks, times) / steps
            cache.crop(read_tokens - cache.get_seq_length())  # forget what was noisy
        return chunks.unflatten(0, (-1, count))

    def loss(
        self,
        context: SeenStates,
        targets: torch.Tensor,
        weights: torch.Tensor | None,
        generator: torch.Generator,
    ) -> torch.Tensor:
        """Return the mean squared error (B,) of the velocity, at times as in π0's training."""
        count, horizon = targets.shape[1], self.action_spec.horizon
        clean = self._chunks(targets)
        noise = torch.randn(clean.shape, generator=generator)
        times = self.draw_times(len(clean), generator)
        noisy = torch.lerp(clean, noise, times.view(-1, 1, 1))
        cache = context.prefix.cache(count)
        predicted = self._velocity(context, count, cache, noisy, times)
        errors = (predicted - (noise - clean))[:, :horizon].square().mean((1, 2))
        return weigh_targets(errors.unflatten(0, (-1, count)), weights)

    def draw_times(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """Draw times (count,) from noise at 1 to action at 0: a beta distribution."""
        shape = self.network.config
        beta = [shape.time_sampling_beta_alpha, shape.time_sampling_beta_beta]
        drawn = torch._sample_dirichlet(torch.tensor([beta] * count), generator=generator)
        return drawn[:, 0] * shape.time_sampling_scale + shape.time_sampling_offset

    def trainable_parameters(self) -> Iterable[nn.Parameter]:
        """Return the adapters."""
        return adapters(self.network).values()

    def after_update(self) -> None:
        """Do nothing: there is no moving average."""

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Return the adapters, the statistics of the numbers, and the hash of what is adapted."""
        statistics = {_STATISTICS + k: v for k, v in self.normaliser.state_dict().items()}
        learnt = {k: v.detach() for k, v in adapters(self.network).items()}
        return {KEY: hash_tensor(self.base.sha256), **statistics, **learnt}

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Load what `state_dict` returned.

        Raises:
            KeyError: An adapter or the hash is missing.
            RuntimeError: They adapt another checkpoint, or have another rank.
        """
        check_adapted(state, self.base.sha256, self.base.folder)
        names = {k: k.removeprefix(_STATISTICS) for k in state if k.startswith(_STATISTICS)}
        self.normaliser.load_state_dict({own: state[name] for name, own in names.items()})
        learnt = {k: v for k, v in state.items() if k != KEY and k not in names}
        set_adapters(self.network, learnt)

    def states_at_once(self, context: SeenStates, count: int) -> int:
        """Return how many states fit in memory when `count` actions are drawn of each."""
        room = MEMORY_BYTES
        if context.numbers.device.type == 'cuda':
            room = int(GPU_SHARE * torch.cuda.mem_get_info(context.numbers.device)[0])
        return max(1, room // (count * context.prefix.state_bytes))

    def _chunks(self, targets: torch.Tensor) -> torch.Tensor:
        """Return targets (B, m, D) as chunks (B · m, H, M) in the model's units."""
        steps = targets.flatten(0, 1).unflatten(-1, (-1, self.action_spec.dim))
        steps = (steps - self.mean) / self.std
        steps = functional.pad(steps, (0, self.chunk[1] - self.action_spec.dim))
        rest = self.chunk[0] - self.action_spec.horizon
        return torch.cat([steps, steps[:, -1:].expand(-1, rest, -1)], 1)

    def _velocity(
        self,
        context: SeenStates,
        count: int,
        cache: object,
        chunks: torch.Tensor,
        times: torch.Tensor,
    ) -> torch.Tensor:
        """Return the velocity (B · k, H, M) that the action expert predicts."""
        kind = self.network.dtype
        predicted: torch.Tensor = self.network(
            state=context.numbers.repeat_interleave(count, 0).to(kind),
            noise=chunks.to(kind),
            timestep=times,
            attention_mask=context.prefix.counts.repeat_interleave(count, 0),
            cache=cache,
        ).logits
        return predicted.float()
