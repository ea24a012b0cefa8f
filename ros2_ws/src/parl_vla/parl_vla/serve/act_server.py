# SPDX-License-Identifier: Apache-2.0
"""Serves a policy version by the REST contract of OpenVLA's own server, POST /act.

python3 -m parl_vla.serve.act_server --policy FILE [--critic FILE] --port 8000
"""

import argparse
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
import sys
import traceback

import numpy as np

from parl_files.error import ParlError
from parl_policy.compute.device import NAMES, use_device
from parl_vla.serve.json_numpy import dumps, loads, RequestError
from parl_vla.serve.served_actor import served_actor

MAX_BYTES = 16 << 20
"""Longest request; a picture of 1920 × 1080 has 8.3 million characters."""
SILENCE_S = 10.0
"""A client that sends nothing for so long is left [s]."""

Answer = Callable[[object], np.ndarray]


class ActHandler(BaseHTTPRequestHandler):
    """Reads a request and writes the action, or what is wrong, as JSON."""

    timeout = SILENCE_S
    server: 'ActServer'

    def do_POST(self) -> None:
        """Answer a request for an action."""
        content: object
        try:
            status, content = HTTPStatus.OK, self._act()
        except ParlError as error:
            status, content = HTTPStatus.BAD_REQUEST, {'error': str(error)}
        except Exception as error:  # the client must hear of it, and the server go on
            traceback.print_exc()
            message = f'the policy failed: {error!r}'
            status, content = HTTPStatus.INTERNAL_SERVER_ERROR, {'error': message}
        self._write(status, content)

    def do_GET(self) -> None:
        """Say how to ask."""
        self._write(HTTPStatus.NOT_FOUND, {'error': 'post image and instruction to /act'})

    def _act(self) -> object:
        if self.path != '/act':
            raise RequestError(f'{self.path}: post to /act')
        request = loads(self._body())
        if not (isinstance(request, dict) and 'encoded' in request):
            return self.server.answer(request)
        # For clients without json-numpy the original takes JSON within JSON, and answers likewise.
        if set(request) != {'encoded'} or not isinstance(request['encoded'], str):
            raise RequestError('beside a text in `encoded` there must be nothing else')
        return dumps(self.server.answer(loads(request['encoded'])))

    def _body(self) -> bytes:
        length = self.headers.get('Content-Length', '')
        if not length.isdecimal():
            raise RequestError('it does not say its Content-Length')
        if int(length) > MAX_BYTES:
            raise RequestError(
                f'it has {length} bytes, at most {MAX_BYTES}; send a smaller picture'
            )
        try:
            body = self.rfile.read(int(length))
        except TimeoutError as error:
            raise RequestError(f'it fell silent for {self.timeout} s') from error
        if len(body) < int(length):
            raise RequestError(f'it ends after {len(body)} of {length} bytes')
        return body

    def _write(self, status: HTTPStatus, content: object) -> None:
        if status != HTTPStatus.OK:
            self.log_error('%s', content)
        body = dumps(content).encode()
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Print nothing for a request that went well, and the error for others."""

    def log_error(self, format: str, *arguments: object) -> None:
        """Print what went wrong."""
        print(f'{self.client_address[0]}: {format % arguments}', file=sys.stderr)


class ActServer(ThreadingHTTPServer):
    """Reads requests side by side, and answers them one after the other."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], make_answer: Callable[[], Answer]) -> None:
        """Listen at an address.

        Args:
            address: Name and port; port 0 for a free one.
            make_answer: Is called once, in the thread that afterwards does all acting: torch's
                default device holds for one thread.
        """
        self._worker = ThreadPoolExecutor(1, thread_name_prefix='acting')
        try:
            self._answer = self._worker.submit(make_answer).result()
            super().__init__(address, ActHandler)
        except BaseException:
            self._worker.shutdown()
            raise

    def answer(self, request: object) -> np.ndarray:
        """Return the action (7,) of a request, when those before it have theirs."""
        return self._worker.submit(self._answer, request).result()

    def server_close(self) -> None:
        """Stop listening, and end the thread that acts."""
        super().server_close()
        self._worker.shutdown()


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until it is interrupted."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--policy', type=Path, required=True, help='file of a policy version')
    parser.add_argument('--critic', type=Path, help='file of its critic: acts with π_opt')
    parser.add_argument('--host', default='127.0.0.1', help='there is no password: stay local')
    parser.add_argument('--port', type=int, default=8000)
    parser.add_argument('--seed', type=int, default=0, help='of the samples')
    parser.add_argument('--device', choices=NAMES, default='auto')
    chosen = parser.parse_args(arguments)

    def make_answer() -> Answer:
        use_device(chosen.device)
        return served_actor(chosen.policy, chosen.critic, chosen.seed).answer

    try:
        server = ActServer((chosen.host, chosen.port), make_answer)
    except (ParlError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    with server:
        print(f'http://{chosen.host}:{server.server_port}/act', flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return 0
    return 0


if __name__ == '__main__':
    sys.exit(main())
