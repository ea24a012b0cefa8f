# SPDX-License-Identifier: Apache-2.0
"""Installs parl_learner with colcon or, without any ROS, with pip."""

from xml.etree import ElementTree

from setuptools import find_packages, setup

PACKAGE = 'parl_learner'

setup(
    name=PACKAGE,
    version=ElementTree.parse('package.xml').findtext('version'),
    packages=find_packages(exclude=['test']),
    package_data={PACKAGE: ['py.typed', 'methods/config/*.yaml', 'offline/config/*.yaml']},
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{PACKAGE}']),
        (f'share/{PACKAGE}', ['package.xml']),
    ],
    python_requires='>=3.11',
    install_requires=[
        'parl_files',
        'parl_policy',
        'gymnasium',
        'gymnasium-robotics',
        'h5py',
        'matplotlib',
        'numpy',
        'opencv-python-headless',
        'torch',
    ],
    extras_require={'test': ['pytest']},
    zip_safe=True,
    maintainer='PARL developers',
    maintainer_email='parl@example.org',
    description='Everything PARL needs to learn: replay, critic losses, distillation, learner.',
    license='Apache-2.0',
    entry_points={
        'console_scripts': [
            'learner_node = parl_learner.ros.learner_node:main',
            'experiment_node = parl_learner.ros.experiment_node:main',
            'parl-train = parl_learner.offline.run.train:main',
        ]
    },
)
