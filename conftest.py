# SPDX-License-Identifier: Apache-2.0
"""Settings and fixtures shared by every test of the tree."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
import gc
import os
from pathlib import Path
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from xdist.scheduler import LoadFileScheduling

    from parl_files.artifact_store import ArtifactStore
    from parl_files.episode import Episode

ROOT = Path(__file__).parent

# This comes before any import of numpy, torch, mujoco or rclpy: each reads its variables once.
os.environ.update(
    {
        'FASTRTPS_DEFAULT_PROFILES_FILE': str(
            ROOT / 'ros2_ws/src/widowx_bringup/config/fastdds.xml'
        ),
        'LP_NUM_THREADS': '0',
        'MKL_NUM_THREADS': '1',
        'MUJOCO_GL': 'egl',
        'OMP_NUM_THREADS': '1',
        'OPENBLAS_NUM_THREADS': '1',
        'RMW_IMPLEMENTATION': 'rmw_fastrtps_cpp',
        'ROS_LOG_DIR': str(ROOT / 'ros2_ws/log/test'),
    }
)
# Only a test with a real arm finds other processes, where the caller says; the others find none.
if 'XS_SDK_NAMESPACE' not in os.environ:
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> 'LoadFileScheduling | None':
    """Hand `--dist loadfile` the files in their order, the system tests all to one process.

    Each of those starts a graph of up to eight processes, and two graphs at a time would be in
    each other's way. Their folder is collected first: the long ones must not be left for the end.
    """
    if config.getvalue('dist') != 'loadfile':
        return None
    from xdist.scheduler import LoadFileScheduling

    class SystemTestsTogether(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return 'system' if file.startswith('test/system/') else file

    config.option.loadscopereorder = False
    return SystemTestsTogether(config, log)


@pytest.fixture(autouse=True)
def torch_as_it_was() -> Iterator[None]:
    """Restore the settings of torch that a program's main() makes for its whole process."""
    torch = sys.modules.get('torch')
    before = torch and torch.get_float32_matmul_precision()
    yield
    if torch:
        torch.set_float32_matmul_precision(before)


@contextmanager
def own_domain() -> Iterator[int]:
    """Provide a ROS domain that no other test on this machine uses; child processes inherit it."""
    coordinator = pytest.importorskip('domain_coordinator', reason='no ROS 2 in this Python')
    with coordinator.domain_id() as domain_id, pytest.MonkeyPatch.context() as patch:
        patch.setenv('ROS_DOMAIN_ID', str(domain_id))
        yield domain_id


@contextmanager
def rclpy_on(domain_id: int) -> Iterator[None]:
    """Initialise rclpy on a ROS domain, and shut it down afterwards."""
    rclpy = pytest.importorskip('rclpy', reason='no ROS 2 in this Python')
    # The nodes of the last test may still be in reference cycles and keep their DDS participant on
    # the same domain. Half a server there makes rmw_fastrtps say that this test's is not ready.
    gc.collect()
    rclpy.init(domain_id=domain_id)
    try:
        yield
    finally:
        rclpy.try_shutdown()


@pytest.fixture
def ros_domain_id() -> Iterator[int]:
    """Provide a ROS domain of the test's own."""
    with own_domain() as domain_id:
        yield domain_id


@pytest.fixture
def ros_domain(ros_domain_id: int) -> Iterator[None]:
    """Initialise rclpy on a ROS domain of the test's own, and shut it down afterwards."""
    with rclpy_on(ros_domain_id):
        yield


@pytest.fixture(scope='module')
def module_ros_domain() -> Iterator[None]:
    """One ROS domain for the tests of a file that share a graph; not beside `ros_domain`."""
    with own_domain() as domain_id, rclpy_on(domain_id):
        yield


@pytest.fixture(scope='session')
def new_episode() -> Callable[..., 'Episode']:
    """Provide a function that makes an episode of random numbers."""
    from random_episode import make_episode

    return make_episode


@pytest.fixture
def store(tmp_path: Path) -> 'ArtifactStore':
    """Provide an empty store."""
    from parl_files.artifact_store import ArtifactStore

    return ArtifactStore(tmp_path / 'artifacts')


@pytest.fixture
def put(store: 'ArtifactStore') -> Callable[..., list[str]]:
    """Provide a function that stores episodes and returns the names of their files."""
    from parl_files.episode_file import episode_to_bytes

    def put_all(*episodes: 'Episode') -> list[str]:
        return [
            store.put('episode', index, episode_to_bytes(episode), 'mcap').name
            for index, episode in enumerate(episodes)
        ]

    return put_all
