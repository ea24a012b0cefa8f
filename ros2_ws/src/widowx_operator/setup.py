# SPDX-License-Identifier: Apache-2.0
from xml.etree import ElementTree

from setuptools import find_packages, setup

package_name = 'widowx_operator'

setup(
    name=package_name,
    version=ElementTree.parse('package.xml').findtext('version'),
    packages=find_packages(exclude=['test']),
    data_files=[
        ('share/ament_index/resource_index/packages', ['resource/' + package_name]),
        ('share/' + package_name, ['package.xml']),
    ],
    python_requires='>=3.11',
    install_requires=['parl_files', 'widowx_description', 'numpy'],
    zip_safe=True,
    maintainer='PARL developers',
    maintainer_email='parl@example.org',
    description='The tools of the human at a WidowX station: teach, demonstrate, take over, stop.',
    license='Apache-2.0',
    extras_require={'test': ['pytest']},
    entry_points={
        'console_scripts': [
            'operator_panel_node = widowx_operator.ros.operator_panel_node:main',
            'teach_workspace_node = widowx_operator.ros.teach_workspace_node:main',
        ],
    },
)
