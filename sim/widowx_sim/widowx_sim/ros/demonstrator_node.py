# SPDX-License-Identifier: Apache-2.0
"""Serves the scripted expert as an actor, so that the policy node records demonstrations."""

from rclpy.node import Node

from parl_msgs.srv import Act
from parl_node.config_parameters import config_parameters
from parl_node.run_node import node_process, spin
from widowx_sim.ros import message_conversion
from widowx_sim.scene.task_scene import load_task_scene
from widowx_sim.scripted_expert import ExpertConfig, ScriptedExpert


class DemonstratorNode(Node):
    """Answers `demonstrator/act` from the detected positions; remembers one episode."""

    def __init__(self, **node_options: object) -> None:
        """Read noise and task; `node_options` are those of rclpy.

        Raises:
            ConfigError: The noise is wrong, or the task file cannot be used.
        """
        super().__init__('demonstrator', **node_options)
        self._task = load_task_scene(self.declare_parameter('task_file', '').value)
        self._config = config_parameters(self, ExpertConfig)
        self._expert: ScriptedExpert | None = None
        self._episode_id = ''
        self.create_service(Act, 'demonstrator/act', self._on_act)

    def _on_act(self, request: Act.Request, response: Act.Response) -> Act.Response:
        names = (self._task.moved, self._task.goal)
        thing, goal = (message_conversion.object_position(request.objects, n) for n in names)
        if request.step == 0:
            self._expert = ScriptedExpert(self._task.script, self._config, request.seed)
            self._episode_id = request.episode_id
        if self._expert is None or request.episode_id != self._episode_id:
            response.message = (
                f'step {request.step} of episode {request.episode_id!r} is not of '
                f'the one begun here ({self._episode_id!r}): begin with step 0'
            )
        elif thing is None or goal is None:
            unseen = names[0] if thing is None else names[1]
            response.message = f'{unseen} has not been seen yet: wait until the detector has it'
        else:
            position = message_conversion.end_effector_position(request.target.pose)
            action = self._expert.act(request.step, position, request.gripper_opening, thing, goal)
            response.actions = action.astype('float32').tolist()
            response.success = True
        return response


def main() -> None:
    """Run the node until it is interrupted."""
    with node_process('demonstrator'):
        spin(DemonstratorNode())


if __name__ == '__main__':
    main()
