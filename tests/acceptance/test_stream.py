"""The service stops at once although somebody listens to its stream."""

import time

from tests.acceptance.conftest import Server


def test_an_open_stream_does_not_hold_up_the_stop(tmp_path):
    with Server(tmp_path, data_dir=tmp_path) as server, server.client.stream("GET", "/v1/stream") as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith("retry:")
        started = time.monotonic()
        server.process.terminate()
        assert not [line for line in lines if line]  # ended as it should, not cut off
        server.process.wait(30)
        assert time.monotonic() - started < 5
        server.process.stdout.close()
        server.client.close()
        assert "Cancel" not in server.log
        assert "Traceback" not in server.log
