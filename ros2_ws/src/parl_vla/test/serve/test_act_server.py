# SPDX-License-Identifier: Apache-2.0
"""OpenVLA's REST contract, over real HTTP around a small OpenVLA."""

import http.client
import json
import threading

import numpy as np
import pytest
import torch

from parl_files.config_file import ConfigError
from parl_policy.acting.action_optimisation import ActionOptimisationConfig
from parl_policy.acting.actor_file import ActorConfig, load_actor, version_to_bytes
from parl_policy.critics.critic import CriticConfig
from parl_policy.observations import Observation
from parl_policy.policy import ActionSpec
from parl_vla.openvla.checkpoint import write_checkpoint
from parl_vla.openvla.small_model import small_model, SmallModelConfig
from parl_vla.serve.act_server import ActHandler, ActServer, main, MAX_BYTES
from parl_vla.serve.json_numpy import dumps, loads, RequestError
from parl_vla.serve.served_actor import served_actor, to_units

SHAPE = SmallModelConfig(
    size=28, tower_width=32, tower_blocks=1, tower_heads=2, width=32, blocks=1, heads=2
)
Q = {'q01': [-0.03] * 6 + [0.0], 'q99': [0.03] * 6 + [1.0], 'mask': [True] * 6 + [False]}
DATASETS = {'bridge_orig': {'action': Q}}
TASK = 'put the cup on the rack'
# Of json-numpy 2.1.1: dumps(np.arange(6, dtype=np.uint8).reshape(1, 2, 3))
GOLDEN = '{"__numpy__": "AAECAwQF", "dtype": "|u1", "shape": [1, 2, 3]}'


@pytest.fixture(scope='module')
def versions(tmp_path_factory):
    """Files of a policy and a critic: with pictures alone, and with two numbers beside them."""
    folder = tmp_path_factory.mktemp('versions')
    torch.manual_seed(0)
    network, files = small_model(SHAPE, [TASK], DATASETS)
    write_checkpoint(folder / 'model', files, network.state_dict())
    seen = {'camera': {'size': [28, 28], 'rows': [0.1, 0.8]}}
    vision = {'pictures': seen, 'encoder': {'kind': 'convolutions'}}
    for name, names in (('blind', ()), ('numbers', tuple('xy'))):
        config = ActorConfig(
            policy_class='parl_vla.policies.openvla:OpenVLAPolicy',
            policy={'model': str(folder / 'model'), 'pictures': seen},
            critic=critic_config(vision),
            optimisation=ActionOptimisationConfig(samples=4, particles=2),
            choice='argmax',
            observation_names=names,
            action_spec=ActionSpec(1, 7, binary=(6,)),
            cameras={'camera': (48, 64)},
        )
        for kind, module in (('policy', config.make_policy()), ('critic', config.make_critic())):
            content = version_to_bytes(config, module, kind, 1)
            (folder / f'{name}_{kind}').write_bytes(content)
    return folder


def critic_config(vision):
    from parl_files.config_file import from_mapping

    return from_mapping(
        CriticConfig, {'members': 1, 'hidden': [8], 'bins': 5, 'vision': vision}, 'critic'
    )


@pytest.fixture(scope='module')
def server(versions):
    """One at work, with the actor of a policy alone and seed 3."""
    make = served_actor(versions / 'numbers_policy', None, 3)
    with ActServer(('127.0.0.1', 0), lambda: make.answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def post(server, body, path='/act', method='POST', headers=None):
    connection = http.client.HTTPConnection('127.0.0.1', server.server_port, timeout=60)
    connection.request(method, path, body, headers or {})
    reply = connection.getresponse()
    status, content = reply.status, reply.read()
    connection.close()
    return status, content


def picture(height=48, width=64, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def expected(versions, name, request, critic=None):
    """What the actor of the files does, in metres, radians and opening, by hand."""
    actor, config, _ = load_actor(versions / name, critic)
    numbers = np.zeros(len(config.observation_names), np.float32)
    observation = Observation(numbers, {'camera': request['image']}, request['instruction'])
    action = actor.act(observation, torch.Generator().manual_seed(3)).action.astype(np.float64)
    scale = [0.05, 0.05, 0.05, 0.25, 0.25, 0.25, 0.5]
    return action * scale + np.array([0.0] * 6 + [0.5])


def answer_of(versions, name, request, critic=None):
    """What a server that has just been started answers over HTTP."""
    make = served_actor(versions / name, critic, 3)
    with ActServer(('127.0.0.1', 0), lambda: make.answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        status, content = post(server, dumps(request))
        server.shutdown()
        thread.join()
    assert status == 200, content
    return loads(content)


def test_the_action_is_that_of_the_actor_in_metres_and_radians(versions):
    request = {'image': picture(), 'instruction': TASK}
    action = answer_of(versions, 'numbers_policy', request)
    assert action.dtype == np.float64
    np.testing.assert_array_equal(action, expected(versions, 'numbers_policy', request))
    assert action[6] in (0.0, 1.0)


def test_a_critic_makes_it_the_optimised_policy(versions):
    request, critic = {'image': picture(), 'instruction': TASK}, versions / 'blind_critic'
    action = answer_of(versions, 'blind_policy', request, critic)
    np.testing.assert_array_equal(action, expected(versions, 'blind_policy', request, critic))
    assert not np.array_equal(action, expected(versions, 'blind_policy', request))


def test_units():
    np.testing.assert_allclose(
        to_units(np.array([1.0, -1.0, 0.5, 1.0, -1.0, 0.5, -1.0])),
        [0.05, -0.05, 0.025, 0.25, -0.25, 0.125, 0.0],
    )


def test_json_within_json_for_clients_without_json_numpy(server):
    request = {'image': picture(), 'instruction': TASK, 'unnorm_key': 'bridge_orig'}
    status, content = post(server, json.dumps({'encoded': dumps(request)}))
    assert status == 200, content
    text = json.loads(content)
    assert isinstance(text, str)
    assert loads(text).shape == (7,)


@pytest.mark.parametrize('size', [(256, 256), (20, 30), (1, 1)], ids=str)
def test_pictures_of_any_size(server, size):
    """Clients send 256 × 256, of which a part may be smaller than what the policy sees."""
    status, content = post(server, dumps({'image': picture(*size), 'instruction': TASK}))
    assert status == 200, content


def test_clients_at_the_same_time(server):
    request, replies = dumps({'image': picture(), 'instruction': TASK}), []
    clients = [
        threading.Thread(target=lambda: replies.append(post(server, request))) for _ in range(3)
    ]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert [status for status, _ in replies] == [200] * 3


GOOD = {'image': [[[0, 0, 0]]], 'instruction': TASK}


@pytest.mark.parametrize(
    ('body', 'reason'),
    [
        ('', 'no JSON'),
        (b'\x80\x04N.', 'no JSON'),
        ('[1]', 'holds a list'),
        (json.dumps({'instruction': TASK}), 'image must be an array'),
        (json.dumps(GOOD), 'image must be an array'),
        (dumps({'image': picture().astype(np.float32), 'instruction': TASK}), 'expected uint8'),
        (dumps({'image': picture()[..., :2], 'instruction': TASK}), 'expected uint8'),
        (dumps({'image': picture(0, 4), 'instruction': TASK}), 'expected uint8'),
        (dumps({'image': picture()}), 'instruction must be a text'),
        (dumps({'image': picture(), 'instruction': ' '}), 'instruction must be a text'),
        (dumps({'image': picture(), 'instruction': 'a' * 1001}), '1001 characters'),
        (dumps({'image': picture(), 'instruction': TASK, 'state': 1}), "fields .*'state'"),
        (
            dumps({'image': picture(), 'instruction': TASK, 'unnorm_key': 'taco_play'}),
            "unnorm_key is 'taco_play', .* by 'bridge_orig'",
        ),
        (json.dumps({'encoded': '{}', 'image': 0}), 'nothing else'),
        (json.dumps({'encoded': {}}), 'nothing else'),
        (GOLDEN.replace('|u1', 'O'), 'dtype'),
        (GOLDEN.replace('[1, 2, 3]', '[1, 2, 4]'), '6 bytes'),
        (GOLDEN.replace('[1, 2, 3]', '[-1, 2, 3]'), 'shape'),
        (GOLDEN.replace('AAECAwQF', '!'), 'base64'),
    ],
    ids=lambda each: each if len(each) < 20 else 'body',
)
def test_a_bad_request_is_told_what_is_wrong(server, body, reason):
    status, content = post(server, body)
    assert status == 400
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(json.loads(content)['error'])


def test_a_long_request_is_refused_before_it_is_read(server):
    status, content = post(server, None, headers={'Content-Length': str(MAX_BYTES + 1)})
    assert status == 400
    assert 'at most' in json.loads(content)['error']
    status, content = post(server, None, headers={'Content-Length': 'x'})
    assert (status, 'Content-Length' in json.loads(content)['error']) == (400, True)


def test_a_client_that_falls_silent_is_left(server, monkeypatch):
    monkeypatch.setattr(ActHandler, 'timeout', 0.2)
    status, content = post(server, b'{', headers={'Content-Length': '100'})
    assert status == 400
    assert 'silent' in json.loads(content)['error']


def test_an_error_of_the_policy_is_told_and_ends_nothing(server, monkeypatch, capsys):
    def fail(request):
        raise RuntimeError('out of memory')

    request = dumps({'image': picture(), 'instruction': TASK})
    with monkeypatch.context() as patch:
        patch.setattr(server, '_answer', fail)
        status, content = post(server, request)
    assert status == 500
    assert 'out of memory' in json.loads(content)['error']
    assert 'Traceback' in capsys.readouterr().err
    assert post(server, request)[0] == 200


def test_other_paths_say_where_to_ask(server):
    for method, path, wrong in (('GET', '/act', 404), ('POST', '/', 400)):
        status, content = post(server, '', path, method)
        assert status == wrong
        assert '/act' in json.loads(content)['error']


def test_arrays_are_written_as_json_numpy_writes_them():
    array = np.arange(6, dtype=np.uint8).reshape(1, 2, 3)
    assert dumps(array) == GOLDEN
    np.testing.assert_array_equal(loads(GOLDEN), array)
    numbers = {'a': [np.array([0.5, -1e-9])]}
    np.testing.assert_array_equal(loads(dumps(numbers))['a'][0], numbers['a'][0])
    with pytest.raises(RequestError, match='no JSON'):
        loads('[' * 100000)


def test_what_reads_numbers_is_refused(versions):
    with pytest.raises(ConfigError, match=r"the critic reads the numbers \['x', 'y'\]"):
        served_actor(versions / 'numbers_policy', versions / 'numbers_critic', 0)


def test_a_file_that_is_none_ends_the_program(versions, capsys):
    arguments = ['--policy', str(versions / 'missing'), '--port', '0', '--device', 'cpu']
    assert main(arguments) == 1
    assert 'missing' in capsys.readouterr().err
