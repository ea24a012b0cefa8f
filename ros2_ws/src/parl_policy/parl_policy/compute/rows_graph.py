# SPDX-License-Identifier: Apache-2.0
"""Runs a function of rows as one CUDA graph: one launch instead of hundreds."""

from collections.abc import Callable

import torch

from parl_policy.compute.device import default_generator

Function = Callable[..., tuple[torch.Tensor, ...]]


class RowsGraph:
    """Records a function of up to `rows` rows at the first call, then replays it with new rows.

    Each row of the results must depend only on the same row of the inputs. With fewer rows than
    were recorded, the other rows keep their old values. Everything else that the function reads,
    such as weights, is read again each time from the same memory as in the recording.
    """

    def __init__(self, function: Function, rows: int) -> None:
        """Prepare; the first call records.

        Args:
            function: Function of a generator and tensors on the GPU. It must not wait for a
                number from the GPU or take one from the CPU.
            rows: Largest number of rows in a call.
        """
        self._function = function
        self._rows = rows
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(
        self, generator: torch.Generator, *inputs: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        """Return the function's results, one row for each row of the inputs."""
        graph = self._graph or self._record(inputs)
        count = len(inputs[0])
        for mine, given in zip(self._inputs, inputs, strict=True):
            mine[:count] = given
        # A graph draws from the device's own generator, so this takes the state of `generator`.
        own = default_generator()
        state = own.get_state()
        own.set_state(generator.get_state())
        graph.replay()
        generator.set_state(own.get_state())
        if generator is not own:
            own.set_state(state)
        return tuple(each[:count].clone() for each in self._outputs)

    def _record(self, inputs: tuple[torch.Tensor, ...]) -> torch.cuda.CUDAGraph:
        repeated = torch.arange(self._rows) % len(inputs[0])
        self._inputs = [each[repeated] for each in inputs]
        own = default_generator()
        state = own.get_state()
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):  # a first run, in which libraries allocate workspaces
            self._function(own, *self._inputs)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._outputs = self._function(own, *self._inputs)
        own.set_state(state)
        self._graph = graph
        return graph
