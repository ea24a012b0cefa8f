# SPDX-License-Identifier: Apache-2.0
"""A function of rows as one CUDA graph: one launch in place of hundreds."""

from collections.abc import Callable

import torch

from parl_policy.compute.device import default_generator

Function = Callable[..., tuple[torch.Tensor, ...]]


class RowsGraph:
    """Records a function of up to `rows` rows when first called, then replays it with other rows.

    Each row of the results must depend on the same row of the inputs alone: fewer rows than were
    recorded leave the rest as it was before. What else the function reads, such as weights, it
    reads anew each time, where it lay when it was recorded.
    """

    def __init__(self, function: Function, rows: int) -> None:
        """Record nothing yet.

        Args:
            function: Of a generator and tensors on the GPU; waits for no number, takes none from
                the CPU.
            rows: As many as will ever be asked for at once.
        """
        self._function = function
        self._rows = rows
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(
        self, generator: torch.Generator, *inputs: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        """The function's results, a row for each row of the inputs; always of the same shapes."""
        graph = self._graph or self._record(inputs)
        count = len(inputs[0])
        for mine, given in zip(self._inputs, inputs, strict=True):
            mine[:count] = given
        # A graph draws from the device's own generator, so that one goes where the other stands.
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
        with torch.cuda.stream(stream):  # libraries make their workspaces
            self._function(own, *self._inputs)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._outputs = self._function(own, *self._inputs)
        own.set_state(state)
        self._graph = graph
        return graph
