# SPDX-License-Identifier: Apache-2.0
import pytest

from parl_launch.node_command import join_namespaces, parameter_value, ros_arguments


@pytest.mark.parametrize(
    ('outer', 'inner', 'expected'),
    [
        ('', '', ''),
        ('', 'wx250s', '/wx250s'),
        ('/wx250s', '', '/wx250s'),
        ('/wx250s', 'camera', '/wx250s/camera'),
        ('/wx250s', '/other', '/other'),
        ('/wx250s', '/', ''),
    ],
)
def test_join_namespaces(outer, inner, expected):
    assert join_namespaces(outer, inner) == expected


@pytest.mark.parametrize(
    ('text', 'type_name', 'expected'),
    [
        ('true', None, True),
        ('5', None, 5),
        ('5.0', None, 5.0),
        ('lockstep', None, 'lockstep'),
        ('', None, ''),
        ('[1.0, 2.0]', None, [1.0, 2.0]),
        ('5', 'str', '5'),
        ('5', 'float', 5.0),
        ('5', 'int', 5),
    ],
)
def test_parameter_value(text, type_name, expected):
    value = parameter_value(text, type_name)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ('text', 'type_name'),
    [('a: b', None), ('[1, b]', None), ('[]', None), ('2.5', 'int'), ('1', 'double')],
)
def test_parameter_value_refuses(text, type_name):
    with pytest.raises(ValueError, match=r'.'):
        parameter_value(text, type_name)


def test_ros_arguments_reach_rcl_with_their_types(ros_domain_id):
    rclpy = pytest.importorskip('rclpy')
    values = [
        ('whole', 5),
        ('real', 5.0),
        ('flag', True),
        ('digits', '5'),
        ('path', '/data/a: "b"'),
        ('reals', [1.0, 2.5]),
    ]
    arguments = ros_arguments(
        name='policy',
        namespace='/wx250s',
        parameter_files=[],
        parameters=values,
        remappings=[('in', 'out')],
    )
    context = rclpy.Context()
    rclpy.init(args=list(arguments), context=context, domain_id=ros_domain_id)
    try:
        node = rclpy.create_node('any', context=context)
        assert node.get_fully_qualified_name() == '/wx250s/policy'
        assert node.resolve_topic_name('in') == '/wx250s/out'
        for name, value in values:
            read = node.declare_parameter(name, value).value
            assert (list(read) if isinstance(value, list) else read) == value
        node.destroy_node()
    finally:
        rclpy.try_shutdown(context=context)
