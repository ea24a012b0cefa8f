# SPDX-License-Identifier: Apache-2.0
from glob import glob
from xml.etree import ElementTree

from setuptools import find_packages, setup

PACKAGE = 'widowx_bringup'

setup(
    name=PACKAGE,
    version=ElementTree.parse('package.xml').findtext('version'),
    packages=find_packages(exclude=['test']),
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{PACKAGE}']),
        (f'share/{PACKAGE}', ['package.xml']),
        (f'share/{PACKAGE}/config', glob('config/*.*')),
        *(
            (f'share/{PACKAGE}/{folder}', glob(f'{folder}/*.yaml'))
            for folder in ('config/experiments', *glob('config/experiments/*/'))
        ),
        (f'share/{PACKAGE}/config/tasks', glob('config/tasks/*.yaml')),
        (f'share/{PACKAGE}/launch', glob('launch/*.launch.yaml')),
    ],
    entry_points={
        'console_scripts': [
            'station_display_node = widowx_bringup.ros.station_display_node:main',
        ]
    },
    python_requires='>=3.11',
    install_requires=['parl_files'],
    extras_require={'test': ['pytest']},
    zip_safe=True,
    maintainer='PARL developers',
    maintainer_email='parl@example.org',
    description='Launch files, configuration and displays of the station.',
    license='Apache-2.0',
)
