# SPDX-License-Identifier: Apache-2.0
"""A tiny checkpoint, written once."""

import pytest


@pytest.fixture(scope='session')
def tiny_folder(tmp_path_factory):
    """The folder of a checkpoint with 0.1 million random weights."""
    from tiny_vla import write_tiny

    return write_tiny(tmp_path_factory.mktemp('tiny_vla'))


@pytest.fixture
def tiny_network(tiny_folder):
    """Its network, the test's own."""
    import torch

    from parl_vla.openvla.checkpoint import load_network

    return load_network(tiny_folder, torch.float32)
