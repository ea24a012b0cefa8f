# SPDX-License-Identifier: Apache-2.0
"""Where recorded data may be found."""

import os
from pathlib import Path

import pytest

BESIDE_CHECKOUT = Path(__file__).resolve().parents[6] / 'shared/data'


@pytest.fixture(scope='session')
def data_folder():
    """Gives the folder of real recorded data: PARL_DATA, or `shared/data` beside the checkout."""
    folder = Path(os.environ.get('PARL_DATA') or BESIDE_CHECKOUT)
    if not (folder / 'kitchen-complete-v0_0.tfrecord').exists():
        pytest.skip(f'recorded robot data is not in {folder}; set PARL_DATA to its folder')
    return folder
