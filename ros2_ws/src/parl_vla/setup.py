# SPDX-License-Identifier: Apache-2.0
"""Installs parl_vla with colcon or, without any ROS, with pip."""

from xml.etree import ElementTree

from setuptools import find_packages, setup

PACKAGE = 'parl_vla'

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
    install_requires=[
        'parl_files',
        'parl_policy',
        'numpy',
        'peft',
        'pillow',
        'safetensors',
        'tokenizers',
        'torch',
        'transformers',
    ],
    extras_require={'test': ['pytest']},
    entry_points={'console_scripts': ['parl-act-server = parl_vla.serve.act_server:main']},
    zip_safe=True,
    maintainer='PARL developers',
    maintainer_email='parl@example.org',
    description='Vision-language-action policies for PARL: OpenVLA and π0.',
    license='Apache-2.0',
)
