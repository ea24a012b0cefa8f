# SPDX-License-Identifier: Apache-2.0
"""The settings every process of PARL gets."""

import importlib.util
import os
from pathlib import Path
import subprocess

import pytest

ROOT = Path(__file__).parents[1]
SEGMENT_BYTES = 32 * 1024 * 1024


@pytest.fixture
def patch_wheels():
    specification = importlib.util.spec_from_file_location(
        'patch_wheels', ROOT / 'environment/patch_wheels.py'
    )
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_mend_replaces_the_builders_paths(patch_wheels):
    builder = '/opt/python/cp311-cp311'
    text = (
        f'"{builder}/include/python3.11;'
        f'{builder}/lib/python3.11/site-packages/numpy/_core/include;'
        '${_IMPORT_PREFIX}/include" "/usr/lib64/libtinyxml2.so"'
    )
    mended = patch_wheels.mend(text, '/py/include', '/np/include', '/libs/libtinyxml2-1.so')
    assert mended == (
        '"/py/include;/np/include;${_IMPORT_PREFIX}/include" "/libs/libtinyxml2-1.so"'
    )
    assert patch_wheels.mend(mended, '/x', '/y', '/z') == mended


def test_shared_memory_segment_holds_camera_frames(ros_domain):
    rclpy = pytest.importorskip('rclpy')
    node = rclpy.create_node('segment')
    try:
        sizes = []
        for line in Path('/proc/self/maps').read_text(encoding='utf-8').splitlines():
            if '/dev/shm/fastrtps_' in line:
                start, end = (int(number, 16) for number in line.split()[0].split('-'))
                sizes.append(end - start)
        assert max(sizes, default=0) >= SEGMENT_BYTES
    finally:
        node.destroy_node()


def test_domain_is_the_tests_own(ros_domain, ros_domain_id):
    rclpy = pytest.importorskip('rclpy')
    assert rclpy.utilities.get_default_context().get_domain_id() == ros_domain_id
    assert os.environ['ROS_DOMAIN_ID'] == str(ros_domain_id)


def test_activated_shell_is_private_and_knows_the_packages():
    environment = {'HOME': os.environ['HOME'], 'PATH': '/usr/bin:/bin'}
    script = (
        'source environment/activate.sh && echo "$ROS_DOMAIN_ID $ROS_AUTOMATIC_DISCOVERY_RANGE"'
        ' && test -f "$FASTRTPS_DEFAULT_PROFILES_FILE" && python3 -c "import parl_msgs.msg"'
    )
    done = subprocess.run(
        ['bash', '-c', script],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    domain_id, discovery_range = done.stdout.split()
    assert 1 <= int(domain_id) <= 100
    assert discovery_range == 'LOCALHOST'
