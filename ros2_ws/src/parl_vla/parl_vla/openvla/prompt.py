# SPDX-License-Identifier: Apache-2.0
"""OpenVLA's prompt, as token ids."""

from collections.abc import Sequence
import functools

from tokenizers import Tokenizer
import torch

from parl_files.error import ParlError

PROMPT = 'In: What action should the robot take to {}?\nOut:'
_SPACE = '\u2581'
"""Token of a lone space, after which a trained model writes actions."""


class TokenizerError(ParlError):
    """The checkpoint's tokenizer.json cannot be used."""


class Prompt:
    """Turns instructions into ids, with the checkpoint's own tokenizer."""

    def __init__(self, tokenizer: str) -> None:
        """Read the content of a tokenizer.json.

        Raises:
            TokenizerError: It is damaged, or it is not that of an OpenVLA.
        """
        try:
            self._tokenizer = Tokenizer.from_str(tokenizer)
        except Exception as error:  # the library raises nothing more exact
            raise TokenizerError(
                f'tokenizer.json: {error}; copy it from the checkpoint again'
            ) from error
        space = self._tokenizer.token_to_id(_SPACE)
        if space is None:
            raise TokenizerError(
                f'tokenizer.json has no token {_SPACE!r}; it is not that of an OpenVLA'
            )
        self._space: int = space
        self._ids_of = functools.lru_cache(maxsize=1024)(self._encode)

    def _encode(self, instruction: str) -> tuple[int, ...]:
        ids = self._tokenizer.encode(PROMPT.format(instruction.lower().strip(' .?!'))).ids
        return tuple(ids if ids[-1] == self._space else [*ids, self._space])

    def ids(self, instructions: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the ids (B, T) of B prompts and their lengths (B,); short ones end with 0."""
        texts = [self._ids_of(each) for each in instructions]
        lengths = [len(text) for text in texts]
        padded = [[*text, *[0] * (max(lengths) - len(text))] for text in texts]
        return torch.tensor(padded), torch.tensor(lengths)
