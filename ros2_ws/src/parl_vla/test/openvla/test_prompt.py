# SPDX-License-Identifier: Apache-2.0
"""The ids of prompts, by the vocabulary of the tiny checkpoint."""

import json

import pytest
from tiny_vla import LONG, make_policy, SHORT, states
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
import torch

from parl_vla.openvla.prompt import Prompt, TokenizerError

SPACE = '\u2581'
WORDS = ['<s>', *['In', ':', 'What', 'action', 'should', 'the', 'robot', 'take', 'to']]
END = ['?', 'Out', ':', SPACE]


@pytest.fixture
def prompt(tiny_folder):
    return Prompt((tiny_folder / 'tokenizer.json').read_text())


def words(folder, ids):
    vocabulary = json.loads((folder / 'tokenizer.json').read_text())['model']['vocab']
    by_id = {index: word for word, index in vocabulary.items()}
    return [by_id[index] for index in ids.tolist()]


def test_the_prompts_by_hand(prompt, tiny_folder):
    ids, lengths = prompt.ids([SHORT, LONG])
    assert lengths.tolist() == [17, 21]
    assert ids.shape == (2, 21)
    assert words(tiny_folder, ids[0, :17]) == [*WORDS, 'lift', 'the', 'cup', *END]
    assert words(tiny_folder, ids[1]) == [*WORDS, *LONG.split(), *END]
    assert not ids[0, 17:].any()
    # Special tokens come first in the vocabulary, then words as they appear.
    assert ids[0].tolist()[:12] == [1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 9]


def test_case_and_full_stop_do_not_matter(prompt):
    ids, _ = prompt.ids(['Lift the CUP.', SHORT])
    torch.testing.assert_close(ids[0], ids[1])


def test_the_space_is_written_once(tmp_path, tiny_folder):
    vocabulary = {'<unk>': 0, SPACE: 1}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token='<unk>'))
    content = json.loads(tokenizer.to_str())
    file = tmp_path / 'tokenizer.json'
    for replacement, expected in (('x', [0, 1]), (SPACE, [1])):
        content['normalizer'] = {
            'type': 'Replace',
            'pattern': {'Regex': '[\\s\\S]+'},
            'content': replacement,
        }
        file.write_text(json.dumps(content))
        assert Prompt(file.read_text()).ids([SHORT])[0][0].tolist() == expected


def test_a_tokenizer_of_something_else_is_refused(tmp_path):
    file = tmp_path / 'tokenizer.json'
    file.write_text('{}')
    with pytest.raises(TokenizerError, match='copy it from the checkpoint again'):
        Prompt(file.read_text())
    file.write_text(Tokenizer(WordLevel({'a': 0}, unk_token='a')).to_str())
    with pytest.raises(TokenizerError, match='is not that of an OpenVLA'):
        Prompt(file.read_text())


def test_a_longer_prompt_beside_it_changes_nothing(tiny_folder):
    policy, both = make_policy(tiny_folder), states(2)
    uniform = torch.rand(2, 6, 7, generator=torch.Generator().manual_seed(3))
    alone = policy.encode(both[:1])
    together = policy.encode(both)
    assert alone.ids.shape[1] < together.ids.shape[1]
    bins, log_probs = policy.draw(together, uniform)
    own_bins, own_log_probs = policy.draw(alone, uniform[:1])
    assert torch.equal(bins[:1], own_bins)
    torch.testing.assert_close(log_probs[:1], own_log_probs, atol=1e-5, rtol=0.0)
    targets, draws = torch.rand(2, 3, 7) * 2.0 - 1.0, torch.Generator()
    beside = policy.loss(together, targets, None, draws)[:1]
    own = policy.loss(alone, targets[:1], None, draws)
    torch.testing.assert_close(beside, own, atol=1e-5, rtol=1e-6)
