# SPDX-License-Identifier: Apache-2.0
"""A policy node at a fake station."""

import pytest


@pytest.fixture
def start_bench(ros_domain, tmp_path):
    """A function that starts policy node and station; the ones before end, their files stay."""
    from policy_bench import Bench

    benches = []

    def end():
        while benches:
            benches.pop().close()

    def start(**options):
        end()
        benches.append(Bench(tmp_path, **options))
        return benches[-1]

    yield start
    end()


@pytest.fixture
def bench(start_bench):
    """One whose store holds version 1."""
    bench = start_bench()
    bench.version = bench.put_version(1)
    return bench
