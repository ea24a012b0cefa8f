# SPDX-License-Identifier: Apache-2.0
"""Who names no VLA does not wait for its libraries."""

import subprocess
import sys

import pytest

HEAVY = ('peft', 'tokenizers', 'transformers')


@pytest.mark.parametrize(
    'modules',
    ['parl_vla', 'parl_policy.acting.actor_file', 'parl_learner.training.learning_config'],
)
def test_only_the_policy_itself_imports_large_libraries(modules):
    code = f'import sys, {modules}; print([name for name in {HEAVY} if name in sys.modules])'
    answer = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, check=True, timeout=300
    )
    assert answer.stdout.strip() == '[]'
