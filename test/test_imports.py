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
ROS = {'builtin_interfaces', 'cv_bridge', 'launch', 'launch_ros', 'rclpy'}

MAY_IMPORT = {
    'parl_files': set(),
    'parl_launch': {'parl_files'},
    'parl_learner': {'parl_files', 'parl_policy'},
    'parl_node': {'parl_files', 'widowx_description'},
    'parl_policy': {'parl_files'},
    'parl_vla': {'parl_files', 'parl_policy'},
    'reward_detector': {'parl_files', 'widowx_description'},
    'widowx_bringup': {'parl_files'},
    'widowx_description': set(),
    'widowx_driver': {'parl_files', 'widowx_description'},
    'widowx_gazebo': {'parl_files', 'widowx_sim'},
    'widowx_operator': {'parl_files', 'widowx_description'},
    'widowx_sim': {'parl_files'},
}
"""Who may import whom; in `ros/` parl_node and messages as well. The rest meet over topics."""

ROOMS = {
    'parl_policy': (
        'observations', 'policy', 'compute', 'networks', 'critics', 'policies', 'acting',
        'episode', 'doctor', 'ros',
    ),
    'parl_learner': (
        'replay', 'sampling', 'training', 'methods', 'plan', 'loop', 'report', 'experiment',
        'offline', 'ros',
    ),
    'parl_learner.offline': ('observations', 'data', 'environments', 'run', 'makers'),
    'parl_vla': ('adapters', 'openvla', 'pi0', 'policies', 'serve', 'export'),
    'reward_detector': ('clock_restart', 'camera', 'objects', 'verdict', 'ros'),
    'widowx_bringup': ('station_shapes', 'station_urdf', 'ros'),
    'widowx_description': ('arm', 'finger', 'kinematics'),
    'widowx_driver': (
        'driver_config', 'arm', 'driver_task', 'safety', 'servos', 'motion', 'backend',
        'driver_report', 'ros',
    ),
    'widowx_operator': (
        'gamepad', 'gripper_pose', 'key_map', 'operator_task', 'panel_status', 'table_fit',
        'teaching', 'teleoperation', 'terminal', 'ros',
    ),
    'widowx_sim': ('servos', 'scene', 'scripted_expert', 'station', 'ros'),
}  # fmt: skip
"""Folders and modules of a package from the bottom; imports run downwards."""
UNORDERED = {'widowx_operator', 'widowx_bringup'}
"""Packages whose modules beside `ros/` are few and stand side by side."""

SOURCE_SUFFIXES = {
    '.action', '.cff', '.cfg', '.msg', '.py', '.rviz', '.sdf', '.sh', '.srv', '.toml', '.urdf',
    '.xml', '.yaml', '.yml',
}  # fmt: skip
SOURCE_NAMES = {'.dockerignore', '.gitignore', 'CMakeLists.txt', 'Makefile', 'run'}
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


def is_ros_room(package: str, path: Path) -> bool:
    """Whether a module may know ROS: it lies in `ros/`, or in the package of what nodes share."""
    return package == 'parl_node' or 'ros' in path.relative_to(PACKAGES[package]).parts[:-1]


def room(name: str, house: str) -> str:
    """The folder or module of a house that a dotted name lies in."""
    return name.removeprefix(f'{house}.').partition('.')[0]


def test_the_tree_has_the_packages_of_the_design():
    assert set(PACKAGES) == set(MAY_IMPORT)


@pytest.mark.parametrize(('package', 'path'), modules())
def test_packages_import_only_whom_they_may(package, path):
    names = imported_names(path)
    ours = packages_of(names) & set(PACKAGES) - {package}
    ros = {name for name in packages_of(names) if is_ros(name)}
    if is_ros_room(package, path):
        assert ours <= MAY_IMPORT[package] | {'parl_node'}
    else:
        assert not ros, 'only modules in ros/ know ROS'
        assert ours <= MAY_IMPORT[package]


@pytest.mark.parametrize('house', ROOMS)
def test_rooms_are_all_there_and_nothing_else(house):
    folder = PACKAGES[house.partition('.')[0]].joinpath(*house.split('.')[1:])
    found = {path.stem for path in folder.iterdir() if path.suffix == '.py' or is_room(path)}
    assert found - {'__init__'} == set(ROOMS[house])


def is_room(path: Path) -> bool:
    return (path / '__init__.py').is_file()


@pytest.mark.parametrize('house', ROOMS)
def test_imports_run_downwards(house):
    folder = PACKAGES[house.partition('.')[0]].joinpath(*house.split('.')[1:])
    order = ROOMS[house]
    for path in sorted(folder.rglob('*.py')):
        own = path.relative_to(folder).parts[0].removesuffix('.py')
        if own == '__init__' or (own != 'ros' and house in UNORDERED):
            continue
        for name in imported_names(path):
            if name.startswith(f'{house}.') and room(name, house) in order:
                assert order.index(room(name, house)) <= order.index(own), f'{path}: {name}'


def python_files() -> list[Path]:
    return [path for path in source_files() if path.suffix == '.py']


def test_folders_are_surveyable():
    for folder in {path.parent for path in python_files()}:
        assert len(list(folder.glob('*.py'))) <= 15, folder


def test_modules_and_functions_are_surveyable():
    for path in python_files():
        text = path.read_text(encoding='utf-8')
        assert text.count('\n') <= 300, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno - node.lineno < 60, f'{path}: {node.name}'


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
