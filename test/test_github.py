# SPDX-License-Identifier: Apache-2.0
"""What GitHub is asked to do agrees with the repository; nothing runs there from here."""

from pathlib import Path
import re

import pytest
import yaml

ROOT = Path(__file__).parents[1]
GITHUB = ROOT / '.github'


def load(path):
    return yaml.safe_load(path.read_text(encoding='utf-8'))


@pytest.fixture(scope='module')
def workflow():
    return load(GITHUB / 'workflows/ci.yml')


@pytest.fixture(scope='module')
def job(workflow):
    return workflow['jobs']['test']


def test_the_workflow_runs_what_every_change_must_pass(job):
    assert job['runs-on'] == 'ubuntu-24.04'
    assert job['steps'][-1] == {'run': '.ci/run'}


def test_it_runs_on_every_python_that_set_up_takes(job):
    asked = (ROOT / 'environment/set_up.sh').read_text(encoding='utf-8')
    (taken,) = re.findall(r'not in \((\(3, \d+\)(?:, \(3, \d+\))*)\)', asked)
    assert job['strategy']['matrix']['python'] == [
        f'3.{minor}' for minor in re.findall(r'\(3, (\d+)\)', taken)
    ]


def test_it_installs_the_system_packages_that_the_container_has(job):
    def packages(text):
        (listed,) = re.findall(r'apt-get install -y --no-install-recommends([^&]+)', text)
        return set(listed.split())

    (run,) = [step['run'] for step in job['steps'] if 'apt-get' in step.get('run', '')]
    dockerfile = (ROOT / 'docker/Dockerfile').read_text(encoding='utf-8').replace('\\', '')
    base = dockerfile.partition('&& rm')[0]
    # setup-python's interpreter has its headers and ensurepip with it.
    assert packages(run) == packages(base) - {'python3-venv', 'python3-dev'}


def test_it_may_only_read_and_its_actions_have_versions(workflow, job):
    assert workflow['permissions'] == {'contents': 'read'}
    assert workflow['concurrency']['cancel-in-progress'] is True
    for step in job['steps']:
        assert 'uses' not in step or re.fullmatch(r'actions/[\w-]+@v\d+', step['uses'])


@pytest.mark.parametrize('name', ['bug_report', 'feature_request'])
def test_a_form_has_what_github_asks_for(name):
    form = load(GITHUB / f'ISSUE_TEMPLATE/{name}.yml')
    assert {'name', 'description', 'body'} <= set(form)
    names = [field['id'] for field in form['body']]
    assert len(set(names)) == len(names)
    for field in form['body']:
        assert field['type'] in {'dropdown', 'input', 'textarea'}
        assert field['attributes']['label']
