# SPDX-License-Identifier: Apache-2.0
"""Installs parl_policy with colcon or, without any ROS, with pip."""

from xml.etree import ElementTree

from setuptools import find_packages, setup

PACKAGE = 'parl_policy'

setup(
    name=PACKAGE,
    version=ElementTree.parse('package.xml').findtext('version'),
    packages=find_packages(exclude=['test']),
    package_data={PACKAGE: ['py.typed']},
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{PACKAGE}']),
        (f'share/{PACKAGE}', ['package.xml']),
    ],
    python_requires='>=3.11',
    install_requires=['parl_files', 'numpy', 'opencv-python-headless', 'safetensors', 'torch'],
    extras_require={'test': ['pytest']},
    zip_safe=True,
    maintainer='PARL developers',
    maintainer_email='parl@example.org',
    description='Everything PARL needs to act: policies, critics, action optimisation.',
    license='Apache-2.0',
    entry_points={
        'console_scripts': [
            'policy_node = parl_policy.ros.policy_node:main',
            'play_node = parl_policy.ros.play_node:main',
            'parl-doctor = parl_policy.doctor.doctor:main',
        ],
    },
)
