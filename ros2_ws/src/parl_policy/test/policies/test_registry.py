# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest
import torch

from parl_files.config_file import ConfigError
from parl_policy.acting.action_optimisation import ActionOptimisationConfig
from parl_policy.acting.actor import Actor
from parl_policy.acting.actor_file import ActorConfig, load_actor, version_to_bytes
from parl_policy.acting.weights_file import weights_to_bytes, WeightsFileError
from parl_policy.critics.critic import CriticConfig
from parl_policy.networks.observation_encoder import VisionConfig
from parl_policy.networks.picture_encoder import EncoderConfig
from parl_policy.observations import Observation, PictureConfig
from parl_policy.policy import ActionSpec

CONFIG = ActorConfig(
    policy_class='diffusion',
    policy={'hidden': 8, 'blocks': 1},
    critic=CriticConfig(members=2, hidden=(8,), bins=5, support=(-9.0, 0.0)),
    optimisation=ActionOptimisationConfig(samples=4, particles=2, gradient_steps=1),
    choice='softmax',
    observation_names=('a', 'b', 'c'),
    action_spec=ActionSpec(horizon=1, dim=7, binary=(6,)),
)
OBSERVATION = np.array([0.1, 0.2, -0.3], np.float32)

MY_POLICY = """
from parl_policy.policies.flow import FlowPolicy, FlowPolicyConfig

class MyPolicy(FlowPolicy):
    def __init__(self, observation_dim, action_spec, config: FlowPolicyConfig) -> None:
        super().__init__(observation_dim, action_spec, config)
"""


@pytest.fixture
def modules():
    torch.manual_seed(0)
    policy, critic = CONFIG.make_policy(), CONFIG.make_critic()
    for module in (policy, critic):
        module.fit_normalisation(torch.randn(20, 3) * 2.0)
    return policy, critic


@pytest.fixture
def files(modules, tmp_path):
    """Paths of version 3."""
    paths = {}
    for kind, module in zip(('policy', 'critic'), modules, strict=True):
        paths[kind] = tmp_path / f'{kind}.safetensors'
        paths[kind].write_bytes(version_to_bytes(CONFIG, module, kind, 3))
    return paths


def act(actor):
    return actor.act(OBSERVATION, torch.Generator().manual_seed(2))


def test_an_actor_from_files_acts_as_the_original(modules, files):
    original = Actor(*modules, CONFIG.optimisation, 'softmax')
    actor, config, version = load_actor(files['policy'], files['critic'])
    assert version == 3
    assert config == CONFIG
    assert actor.choice == 'softmax'
    np.testing.assert_array_equal(act(actor).candidates, act(original).candidates)
    np.testing.assert_array_equal(act(actor).action, act(original).action)
    assert not any(parameter.requires_grad for parameter in actor.critic.parameters())


@pytest.mark.parametrize(('flag', 'precision'), [(False, 'float32'), (True, 'bfloat16')])
def test_an_actor_from_files_takes_bfloat16_where_it_is_fast(
    modules, files, monkeypatch, flag, precision
):
    monkeypatch.setattr(torch.cpu, 'get_capabilities', lambda: {'avx512_bf16': flag})
    coarse = replace(CONFIG, optimisation=replace(CONFIG.optimisation, precision='bfloat16'))
    files['policy'].write_bytes(version_to_bytes(coarse, modules[0], 'policy', 3))
    actor, config, _ = load_actor(files['policy'], files['critic'])
    assert actor.optimisation.precision == precision
    assert config == coarse, 'the file says what was asked for'
    original = Actor(*modules, actor.optimisation, 'softmax')
    np.testing.assert_array_equal(act(actor).candidates, act(original).candidates)


def test_without_critic(modules, files):
    actor, _, _ = load_actor(files['policy'], None)
    assert actor.critic is None
    original = Actor(modules[0], None, CONFIG.optimisation)
    np.testing.assert_array_equal(act(actor).action, act(original).action)


def test_same_weights_same_bytes(modules):
    first = version_to_bytes(CONFIG, modules[0], 'policy', 3)
    assert first == version_to_bytes(CONFIG, modules[0], 'policy', 3)
    assert first != version_to_bytes(CONFIG, modules[0], 'policy', 4)


def test_versions_must_be_a_pair(modules, files):
    files['critic'].write_bytes(version_to_bytes(CONFIG, modules[1], 'critic', 2))
    with pytest.raises(WeightsFileError, match=r'critic.* is version 2 but policy.* is version 3'):
        load_actor(files['policy'], files['critic'])


def test_kinds_are_not_mixed_up(files):
    with pytest.raises(WeightsFileError, match="holds a 'critic', expected a policy"):
        load_actor(files['critic'], None)
    with pytest.raises(WeightsFileError, match="holds a 'policy', expected a critic"):
        load_actor(files['policy'], files['policy'])


def test_damaged_files_are_named(files):
    files['critic'].write_bytes(files['critic'].read_bytes()[:-10])
    with pytest.raises(WeightsFileError, match=r'critic.safetensors'):
        load_actor(files['policy'], files['critic'])


def test_files_of_another_network_or_without_their_description_are_named(modules, files):
    other = replace(CONFIG, policy={'hidden': 16, 'blocks': 1})
    content = version_to_bytes(other, modules[0], 'policy', 3)
    files['policy'].write_bytes(content)
    with pytest.raises(WeightsFileError, match=r'policy.safetensors does not fit the network'):
        load_actor(files['policy'], None)
    files['policy'].write_bytes(weights_to_bytes({}, {'kind': 'policy'}))
    with pytest.raises(WeightsFileError, match=r"does not say its \['actor', 'version'\]"):
        load_actor(files['policy'], None)


def test_a_class_of_ones_own_needs_no_line_here(monkeypatch, tmp_path):
    (tmp_path / 'my_robot.py').write_text(MY_POLICY, encoding='utf-8')
    monkeypatch.syspath_prepend(tmp_path)
    config = replace(CONFIG, policy_class='my_robot:MyPolicy', policy={'steps': 3})
    policy = config.make_policy()
    assert type(policy).__module__ == 'my_robot'
    assert policy.steps == 3
    with pytest.raises(ConfigError, match='policy: width is unknown'):
        replace(config, policy={'width': 3}).make_policy()


@pytest.mark.parametrize(
    ('name', 'said'),
    [
        ('no_such_module:MyPolicy', "No module named 'no_such_module'.*PYTHONPATH"),
        ('parl_policy.policy:MyPolicy', "has no attribute 'MyPolicy'"),
        ('parl_policy.policy:ActionSpec', 'annotate .* `config` with a dataclass, found None'),
        ('collections:OrderedDict', 'annotate .* `config` with a dataclass, found None'),
    ],
)
def test_a_class_that_cannot_be_used_says_why(name, said):
    with pytest.raises(ConfigError, match=f"policy class '{name}'.*{said}"):
        replace(CONFIG, policy_class=name)


def test_unknown_classes_and_settings_are_named():
    with pytest.raises(ConfigError, match=r"'oracle' is unknown; known are \['autoregr.*:Class"):
        replace(CONFIG, policy_class='oracle')
    with pytest.raises(ConfigError, match='policy: width is unknown'):
        replace(CONFIG, policy={'width': 3}).make_policy()


SEEING = {'pictures': {'camera': {'size': [16, 24]}}, 'encoder': {'widths': [4]}}
VISION = VisionConfig(
    pictures={'camera': PictureConfig(size=(16, 16))}, encoder=EncoderConfig(widths=(4,))
)


@pytest.mark.parametrize('policy_class', ['autoregressive', 'diffusion', 'flow', 'gaussian'])
def test_policy_and_critic_may_see_other_sizes_and_refuse_what_is_not_there(policy_class):
    policy = {'hidden': [8]} if policy_class == 'gaussian' else {'hidden': 8}
    wanted = replace(
        CONFIG,
        policy_class=policy_class,
        policy={**policy, 'vision': SEEING},
        critic=replace(CONFIG.critic, vision=VISION),
        cameras={'camera': (48, 64)},
    )
    picture = np.zeros((48, 64, 3), np.uint8)
    seen = Observation(OBSERVATION, {'camera': picture}, 'go').for_needs(wanted.policy_needs)
    assert seen.pictures['camera'].shape == (1, 16, 24, 3)
    assert wanted.make_policy().encode(seen) is not None
    seen = Observation(OBSERVATION, {'camera': picture}, 'go').for_needs(wanted.critic_needs)
    assert wanted.make_critic().encode(seen).shape == (1, 64 + 3)
    with pytest.raises(ConfigError, match=r"policy sees the camera 'camera', but .* no pictures"):
        replace(wanted, cameras={})
    with pytest.raises(
        ConfigError, match=r"policy sees .*'camera', but .*\['wrist_camera'\]; add"
    ):
        replace(wanted, cameras={'wrist_camera': (48, 64)})
    with pytest.raises(ConfigError, match=r'policy sees .*\(16, 20\), less than its size'):
        replace(wanted, cameras={'camera': (16, 20)})
    with pytest.raises(ConfigError, match=r'critic sees'):
        replace(wanted, policy=policy, cameras={})


def edited(**settings):
    cameras = {'camera': (48, 64), 'wrist': (48, 64)}
    return replace(CONFIG, policy_class='edited', policy=settings, cameras=cameras)


def test_an_edited_policy_needs_what_it_and_its_base_need():
    wrist = {**SEEING, 'pictures': {'wrist': {'size': [16, 16]}}}
    small = {'hidden': 8, 'blocks': 1}
    own, base = PictureConfig(size=(16, 24)), PictureConfig(size=(16, 16))
    for settings, needed in (
        ({'base': {'vision': SEEING, **small}}, {'camera': own}),
        ({'base': small, 'vision': SEEING}, {'camera': own}),
        ({'base': {'vision': wrist, **small}, 'vision': SEEING}, {'camera': own, 'wrist': base}),
        ({'base': {'vision': SEEING, **small}, 'vision': SEEING}, {'camera': own}),
    ):
        config = edited(**settings)
        assert config.policy_needs.pictures == needed
        assert not config.policy_needs.instruction
        policy, states = config.make_policy(), config.policy_needs.blank(3)
        drawn = policy.sample(policy.encode(states), 4, torch.Generator())
        assert drawn.shape == (1, 4, 7)


def test_a_camera_is_seen_in_one_way_by_an_edited_policy_and_its_base():
    other = {**SEEING, 'pictures': {'camera': {'size': [20, 24]}}}
    with pytest.raises(
        ConfigError,
        match=r"policy\.base and policy need of .*'camera' .*\(20, 24\).* and .*\(16, 24\)",
    ):
        edited(base={'vision': other}, vision=SEEING)


@pytest.mark.parametrize('part', ['own', 'base'])
def test_pictures_change_as_the_first_part_that_sees_says(part):
    shift = {**SEEING, 'augmentation': {'shift': 1}}
    settings = {'base': {'vision': shift}} if part == 'base' else {'vision': shift}
    assert edited(**settings).policy_augmentation.shift == 1
    assert edited().policy_augmentation is None


def test_pictures_do_not_change_before_frozen_waypoints():
    waypoints = {**SEEING, 'encoder': {'kind': 'waypoints', 'widths': [4]}}
    for settings in ({'vision': waypoints, 'base': {'vision': SEEING}}, {'vision': waypoints}):
        assert edited(**settings).policy_augmentation is None


def test_a_class_of_ones_own_says_what_it_sees_in_its_configuration(monkeypatch, tmp_path):
    text = (
        MY_POLICY
        + """
from dataclasses import dataclass, field
from parl_policy.observations import PictureConfig

@dataclass(frozen=True, kw_only=True)
class MyConfig:
    pictures: dict = field(default_factory=lambda: {'wrist_camera': PictureConfig(size=(20, 20))})
    reads_instruction: bool = True

class Sighted(MyPolicy):
    def __init__(self, observation_dim, action_spec, config: MyConfig) -> None:
        super().__init__(observation_dim, action_spec, FlowPolicyConfig())
"""
    )
    (tmp_path / 'my_eyes.py').write_text(text, encoding='utf-8')
    monkeypatch.syspath_prepend(tmp_path)
    sighted = replace(
        CONFIG, policy_class='my_eyes:Sighted', policy={}, cameras={'wrist_camera': (40, 40)}
    )
    seen = Observation(OBSERVATION, {'wrist_camera': np.zeros((40, 40, 3), np.uint8)}, 'put it')
    states = seen.for_needs(sighted.policy_needs)
    assert states.instructions == ('put it',)
    assert states.pictures['wrist_camera'].shape == (1, 20, 20, 3)
    with pytest.raises(ConfigError, match=r"policy sees the camera 'wrist_camera'"):
        replace(sighted, cameras={})
