# SPDX-License-Identifier: Apache-2.0
from glob import glob
from xml.etree import ElementTree

from setuptools import find_packages, setup

PACKAGE = 'widowx_description'

setup(
    name=PACKAGE,
    version=ElementTree.parse('package.xml').findtext('version'),
    packages=find_packages(exclude=['test']),
    package_data={PACKAGE: ['py.typed']},
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{PACKAGE}']),
        (f'share/{PACKAGE}', ['package.xml']),
        (f'share/{PACKAGE}/urdf', glob('urdf/*.urdf')),
    ],
    python_requires='>=3.11',
    install_requires=['numpy'],
    extras_require={'test': ['hypothesis', 'pytest']},
    zip_safe=True,
    maintainer='PARL developers',
    maintainer_email='parl@example.org',
    description='The facts of the WidowX-250 6DoF arm, once for all who need them.',
    license='Apache-2.0',
)
