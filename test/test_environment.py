# SPDX-License-Identifier: Apache-2.0
"""The settings every process of PARL gets."""

import importlib.util
import os
from pathlib import Path
import subprocess
import sys

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


def activated(script, before='', **variables):
    """What a shell says that sourced activate.sh."""
    environment = {'HOME': os.environ['HOME'], 'PATH': '/usr/bin:/bin'}
    done = subprocess.run(
        ['bash', '-c', f'{before} source environment/activate.sh && {script}'],
        cwd=ROOT,
        env=environment | variables,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_activated_shell_is_private_and_knows_the_packages():
    domain_id, discovery_range = activated(
        'echo "$ROS_DOMAIN_ID $ROS_AUTOMATIC_DISCOVERY_RANGE"'
        ' && test -f "$FASTRTPS_DEFAULT_PROFILES_FILE" && python3 -c "import parl_msgs.msg"'
    )
    assert 1 <= int(domain_id) <= 100
    assert discovery_range == 'LOCALHOST'


@pytest.mark.parametrize('before', ['ROS_DOMAIN_ID=63', 'ROS_DOMAIN_ID=63;'])
def test_activated_shell_joins_the_domain_that_was_set(before):
    assert activated('env | grep ^ROS_DOMAIN_ID=', before) == ['ROS_DOMAIN_ID=63']


def test_activated_shell_knows_modules_of_the_users_own(tmp_path):
    (tmp_path / 'my_policy.py').write_text('GREETING = "found"\n', encoding='utf-8')
    script = 'python3 -c "import my_policy, parl_msgs; print(my_policy.GREETING)"'
    assert activated(script, PARL_PYTHONPATH=str(tmp_path)) == ['found']


@pytest.mark.parametrize(
    ('arm', 'expected'), [({}, 'LOCALHOST'), ({'XS_SDK_NAMESPACE': '/wx250s'}, 'SUBNET')]
)
def test_tests_are_private_unless_pointed_at_an_arm(arm, expected):
    environment = {k: v for k, v in os.environ.items() if k != 'XS_SDK_NAMESPACE'}
    environment |= {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'SUBNET', 'PYTHONPATH': str(ROOT)}
    code = 'import conftest, os; print(os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"])'
    said = subprocess.run(
        [sys.executable, '-c', code],
        env=environment | arm,
        cwd=ROOT,
        text=True,
        capture_output=True,
        check=True,
    )
    assert said.stdout.split() == [expected]


def test_what_pip_leaves_in_a_package_builds_nothing_anew(tmp_path):
    package = tmp_path / 'ros2_ws/src/mine'
    for path in (tmp_path / '.venv/.parl-stamp', tmp_path / 'sim/b.py', package / 'setup.py'):
        path.parent.mkdir(parents=True)
        path.write_text('', encoding='utf-8')

    def stamp():
        function = f"sed -n '/^build_stamp/,/^}}/p' {ROOT}/environment/set_up.sh"
        script = f'root=here; eval "$({function})"; build_stamp'
        done = subprocess.run(
            ['bash', '-c', script], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return done.stdout

    before = stamp()
    assert 'ros2_ws/src/mine/setup.py' in before
    for name in ('build/lib/mine/a.py', 'build/lib/setup.py', 'mine.egg-info/PKG-INFO'):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text('x = 1', encoding='utf-8')
    assert stamp() == before
    (package / 'a.py').write_text('', encoding='utf-8')
    assert stamp() != before
