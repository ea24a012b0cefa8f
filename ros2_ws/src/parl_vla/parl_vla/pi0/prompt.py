# SPDX-License-Identifier: Apache-2.0
"""π0's prompt as token ids: a place for each part of each picture, then the instruction."""

from collections.abc import Sequence
import functools
from pathlib import Path

from tokenizers import Tokenizer
import torch

from parl_files.error import ParlError

_FIRST = '<bos>'


class TokenizerError(ParlError):
    """The checkpoint's tokenizer.json cannot be used."""


class Prompt:
    """Turns instructions into ids, with the checkpoint's own tokenizer."""

    def __init__(self, file: Path, picture_id: int, places: int) -> None:
        """Read a tokenizer.json.

        Args:
            file: The tokenizer.json.
            picture_id: Id that stands for a part of a picture.
            places: Parts of all pictures of a state.

        Raises:
            TokenizerError: There is none, it is damaged, or it is not that of a π0.
        """
        try:
            self._tokenizer = Tokenizer.from_file(str(file))
        except Exception as error:  # the library raises nothing more exact
            raise TokenizerError(f'{file}: {error}; copy it from the checkpoint again') from error
        first = self._tokenizer.token_to_id(_FIRST)
        if first is None:
            raise TokenizerError(f'{file} has no token {_FIRST!r}; it is not that of a π0')
        self._start = (*[picture_id] * places, first)
        self._ids_of = functools.lru_cache(maxsize=1024)(self._encode)

    def _encode(self, instruction: str) -> tuple[int, ...]:
        text = instruction.strip().replace('_', ' ').replace('\n', ' ') + '\n'
        return (*self._start, *self._tokenizer.encode(text, add_special_tokens=False).ids)

    def ids(self, instructions: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the ids (B, T) of B prompts and which count (B, T); short ones end with 0."""
        texts = [self._ids_of(each) for each in instructions]
        longest = max(len(text) for text in texts)
        ids = torch.tensor([[*text, *[0] * (longest - len(text))] for text in texts])
        lengths = torch.tensor([[len(text)] for text in texts])
        return ids, (torch.arange(longest) < lengths).long()
