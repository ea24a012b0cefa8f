# SPDX-License-Identifier: Apache-2.0
"""Who may import whom, and that every source file says its licence."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {
    path.parent.name: path.parent / path.parent.name
    for folder in ('ros2_ws/src', 'sim')
    for path in sorted((ROOT / folder).glob('*/setup.py'))
}
ROS_FILES = ('_node.py', 'message_conversion.py')
ROS_MODULES = {
    '.'.join(path.relative_to(folder.parent).with_suffix('').parts)
    for folder in PACKAGES.values()
    for path in folder.rglob('*.py')
    if path.name.endswith(ROS_FILES)
}
ROS = {'builtin_interfaces', 'cv_bridge', 'launch', 'launch_ros', 'rclpy'}
ALONE = {
    'reward_detector', 'widowx_bringup', 'widowx_driver', 'widowx_gazebo', 'widowx_operator',
    'widowx_sim',
}  # fmt: skip
"""Packages that meet the rest over topics only, and share parl_node and parl_msgs with it."""
REUSED = {'widowx_gazebo': {'widowx_sim'}}
"""What a package may import all the same: the one simulation is made of parts of the other."""
WITHOUT_ROS = {'parl_learner', 'parl_policy'}
"""Packages that pip installs where there is no ROS; parl_node is not there."""

SOURCE_SUFFIXES = {
    '.action', '.cfg', '.msg', '.py', '.rviz', '.sdf', '.sh', '.srv', '.toml', '.urdf', '.xml',
    '.yaml',
}  # fmt: skip
SOURCE_NAMES = {'.gitignore', 'CMakeLists.txt', 'Makefile', 'run'}
NO_SOURCES = {
    '.git', '.hypothesis', '.mypy_cache', '.pytest_cache', '.ruff_cache', '.venv', '__pycache__',
    'build', 'data', 'install', 'log', 'report', 'results', 'shared',
}  # fmt: skip


def imported_names(path: Path) -> set[str]:
    """Full names of what is imported anywhere in a file, also inside functions."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names |= {node.module, *(f'{node.module}.{alias.name}' for alias in node.names)}
    return names


def packages_of(names: set[str]) -> set[str]:
    return {name.partition('.')[0] for name in names}


def modules():
    return [
        pytest.param(package, path, id=f'{package}/{path.relative_to(folder)}')
        for package, folder in PACKAGES.items()
        for path in sorted(folder.rglob('*.py'))
    ]


def source_files(folder: Path = ROOT) -> list[Path]:
    files = []
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            if path.name not in NO_SOURCES and not path.name.endswith('.egg-info'):
                files += source_files(path)
        elif path.suffix in SOURCE_SUFFIXES or path.name in SOURCE_NAMES:
            files.append(path)
    return files


def is_ros(name: str) -> bool:
    return name in ROS or name.endswith('_msgs')


def test_the_tree_has_the_packages_of_the_design():
    assert set(PACKAGES) == {
        'parl_learner',
        'parl_node',
        'parl_policy',
        'reward_detector',
        'widowx_bringup',
        'widowx_driver',
        'widowx_gazebo',
        'widowx_operator',
        'widowx_sim',
    }


@pytest.mark.parametrize(('package', 'path'), modules())
def test_imports(package, path):
    names = imported_names(path)
    imported = packages_of(names)
    if not path.name.endswith(ROS_FILES):
        assert not {name for name in imported if is_ros(name)}, 'pure modules know no ROS'
        assert not names & ROS_MODULES, 'pure modules know no ROS'
        if package in WITHOUT_ROS:
            assert 'parl_node' not in imported, 'pip installs this without parl_node'
    alone = ALONE - {package} - REUSED.get(package, set())
    assert not imported & alone, 'meets the rest over topics only'
    if package == 'parl_node':
        assert not imported & set(PACKAGES) - {package}, 'all may import it, so it imports none'
    elif package == 'parl_policy':
        assert 'parl_learner' not in imported, 'what acts knows nothing of what trains'
    elif package in ALONE:
        assert not imported & {'parl_learner', 'parl_policy'}, 'meets the rest over topics only'


@pytest.mark.parametrize('package', PACKAGES)
def test_init_imports_no_node(package):
    imported = (PACKAGES[package] / '__init__.py').read_text(encoding='utf-8')
    assert '_node' not in imported, 'the package must import where there is no ROS'


def test_ros_modules_are_found():
    assert {'parl_node.run_node', 'widowx_sim.message_conversion'} <= ROS_MODULES


def test_imported_names_sees_every_form(tmp_path):
    path = tmp_path / 'module.py'
    path.write_text(
        'import a.b\nfrom c.d import e\nfrom . import f\ndef g():\n    import h as i\n',
        encoding='utf-8',
    )
    assert imported_names(path) == {'a.b', 'c.d', 'c.d.e', 'h'}
    assert packages_of(imported_names(path)) == {'a', 'c', 'h'}


def test_every_source_file_says_its_licence():
    files = source_files()
    assert len(files) > 50
    missing = []
    for path in files:
        head = ''.join(path.read_text(encoding='utf-8').splitlines()[:3])
        if path.stat().st_size and 'SPDX-License-Identifier: Apache-2.0' not in head:
            missing.append(str(path.relative_to(ROOT)))
    assert not missing
