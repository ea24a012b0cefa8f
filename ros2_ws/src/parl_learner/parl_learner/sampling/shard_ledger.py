# SPDX-License-Identifier: Apache-2.0
"""The shards that were drawn, in memory and, so that a killed run does not draw again, on disk."""

from collections.abc import Callable
from pathlib import Path

import torch

from parl_files.artifact_store import ArtifactError, ArtifactStore
from parl_learner.sampling.shard import Shard
from parl_policy.acting.weights_file import load_weights, weights_to_bytes, WeightsFileError

KIND = 'shard'


class ShardLedger:
    """Finds the samples of states by version and key; versions are numbered as they begin."""

    def __init__(self, folder: Path | None, report: Callable[[str], None]) -> None:
        """Read all shards of a folder.

        Args:
            folder: Where the shards are kept; None keeps them in memory only.
            report: Called with a message about each damaged shard, which is removed.

        Raises:
            DurableWriteError: The folder cannot be made.
        """
        self._store = None if folder is None else ArtifactStore(folder)
        self._numbers: dict[str, int] = {}
        self._tokens: dict[int, dict[int, torch.Tensor]] = {}  # number -> key -> (k, D)
        if self._store is not None:
            for path in sorted(self._store.folder.glob(f'{KIND}-*')):
                self._read(self._store, path, report)

    def begin(self, version: str, count: int, dim: int) -> None:
        """Give a new version the next number, and remember it by a shard without states."""
        if version not in self._numbers:
            nothing = torch.empty(0, count, dim, dtype=torch.uint8)
            keys = torch.empty(0, dtype=torch.long)
            self._numbers[version] = max(self._numbers.values(), default=-1) + 1
            self.put(Shard(version, keys, nothing, torch.empty(0, count)))

    def put(self, shard: Shard) -> None:
        """Keep a shard of a version that has begun.

        Raises:
            DurableWriteError: For example, the disk is full.
        """
        number = self._numbers[shard.version]
        if self._store is not None:
            tensors = {
                'keys': shard.keys,
                'tokens': shard.tokens,
                'log_probs': shard.log_probs,
            }
            content = weights_to_bytes(tensors, {'version': shard.version})
            self._store.put(KIND, number, content, 'safetensors')
        self._remember(number, shard.keys, shard.tokens)

    def find(self, version: str, key: int, staleness: int = 0) -> torch.Tensor | None:
        """Return the newest tokens (k, D) of a state that may still serve; None if there are none.

        Args:
            version: The present version, which has begun.
            key: Of the state.
            staleness: How many versions older they may be.
        """
        newest = self._numbers[version]
        for number in range(newest, max(newest - staleness, 0) - 1, -1):
            found = self._tokens[number].get(key) if number in self._tokens else None
            if found is not None:
                return found
        return None

    def _read(self, store: ArtifactStore, path: Path, report: Callable[[str], None]) -> None:
        try:
            number = store.verify(path.name).version
            tensors, about = load_weights(path)
        except (ArtifactError, WeightsFileError) as error:
            report(f'{error}; it was removed, and its states are drawn again')
            path.unlink()
            return
        self._numbers[about['version']] = number
        self._remember(number, tensors['keys'], tensors['tokens'])

    def _remember(self, number: int, keys: torch.Tensor, tokens: torch.Tensor) -> None:
        self._tokens.setdefault(number, {}).update(zip(keys.tolist(), tokens, strict=True))
