# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from parl_launch.substitutions import substitute, SubstitutionContext, SubstitutionError


def find_package_share(package: str) -> Path:
    if package != 'known':
        raise LookupError(package)
    return Path('/share/known')


CONTEXT = SubstitutionContext(
    variables={'robot': 'wx250s', 'name': 'robot'},
    environment={'HOST': 'station'},
    folder=Path('/launch'),
    find_package_share=find_package_share,
)


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('plain', 'plain'),
        ('', ''),
        ('/$(var robot)/base', '/wx250s/base'),
        ('$(var $(var name))', 'wx250s'),
        ('$(env HOST)', 'station'),
        ('$(env HOST other)', 'station'),
        ('$(env ABSENT other)', 'other'),
        ("$(env ABSENT 'two words')", 'two words'),
        ("$(env ABSENT '')", ''),
        ('$(find-pkg-share known)/config', '/share/known/config'),
        ('$(dirname)/sim.launch.yaml', '/launch/sim.launch.yaml'),
        ('$(var robot)-$(var robot)', 'wx250s-wx250s'),
    ],
)
def test_resolves(text, expected):
    assert substitute(text, CONTEXT) == expected


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('$(var robt)', r'robt.*known: name, robot'),
        ('$(env ABSENT)', r'ABSENT is not set'),
        ('$(find-pkg-share absent)', r'absent.*not installed'),
        ('$(eval 1+1)', r'\$\(eval 1\+1\) is not supported'),
        ('$(var)', r'not supported'),
        ('$(var robot', r'does not close'),
    ],
)
def test_names_what_cannot_be_resolved(text, message):
    with pytest.raises(SubstitutionError, match=message):
        substitute(text, CONTEXT)
