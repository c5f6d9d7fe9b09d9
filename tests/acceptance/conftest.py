"""The real service: `moodline serve` in a process of its own, the exported model, a real database, HTTP."""

import os
import re
import signal
import subprocess
import sys
import time

import httpx
import pytest

from service.settings import ROOT
from tests.conftest import new_postgres_url

START_S = 90


def environment(**settings):
    """This process's environment with only these settings of moodline's, and where the model is."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("MOODLINE_") or name == "MOODLINE_MODEL_DIR"
    }
    return kept | {f"MOODLINE_{name.upper()}": str(value) for name, value in settings.items()}


def moodline(*arguments, stdin=None, **settings):
    """Run a `moodline` command to its end; returns the CompletedProcess with text output."""
    return subprocess.run(
        [sys.executable, "-m", "service.cli", *map(str, arguments)],
        input=stdin, env=environment(**settings), capture_output=True, text=True, encoding="utf-8", timeout=300,
    )  # fmt: skip


class Server:
    """A running `moodline serve`; `client` speaks to it with the key it printed, or the one given."""

    def __init__(self, folder, key=None, **settings):
        self.settings = {"port": 0} | settings
        self.log_path = folder / f"serve-{time.monotonic_ns()}.log"
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-u", "-m", "service.cli", "serve"],
                env=environment(**self.settings), stdout=subprocess.PIPE, stderr=log, text=True, encoding="utf-8",
            )  # fmt: skip
        self.printed = ""
        for line in self.process.stdout:
            self.printed += line
            if line.startswith("curl"):
                break
        else:
            raise AssertionError(f"the service did not start: {self.log_path.read_text()}")
        self.url = re.search(r"http://[\d.]+:\d+", self.printed)[0]
        found = re.search(r"^mk_\S+$", self.printed, re.MULTILINE)
        self.key = found[0] if found else key
        self.client = httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.key}"}, timeout=120)

    @property
    def log(self):
        return self.log_path.read_text(encoding="utf-8")

    def wait_until_read(self):
        """Return when nothing waits to be read any more."""
        until = time.monotonic() + START_S
        while "moodline_interactions_waiting 0.0" not in self.client.get("/metrics").text:
            assert time.monotonic() < until, "the queue did not empty"
            time.sleep(0.1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()

    def kill(self):
        self.process.kill()
        self._close()

    def stop(self):
        self.process.terminate()
        self._close()
        assert self.process.returncode in (0, -signal.SIGTERM)

    def _close(self):
        self.client.close()
        self.process.wait(30)
        self.process.stdout.close()


def run_readme(server, part, folder):
    """Run every ```sh block with a curl of a part of the README against a Server instead of port 8000, one after the other as in one
    shell (what they export is kept in `folder`); returns what each printed."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    told = readme[readme.index(f"<!-- {part} -->") : readme.index(f"<!-- end of {part} -->")]
    printed = []
    for block in re.findall(r"```sh\n(.*?)```", told, re.DOTALL):
        if "curl" not in block:
            continue
        # The server's first key has all scopes, also the one that the README makes another for.
        script = re.sub(r"^export ADMIN=.*$", "", block, flags=re.MULTILINE).replace(
            "http://127.0.0.1:8000", server.url
        )
        exported = folder / "exported"
        exported.touch()
        script = f". '{exported}'\n{script}\nexport -p > '{exported}'"
        keys = {"KEY": server.key, "ADMIN": server.key, "PATH": "/usr/bin:/bin"}
        done = subprocess.run(["bash", "-ec", script], env=keys, capture_output=True, text=True, encoding="utf-8")
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout)
    return printed


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request, tmp_path_factory):
    """One service for a module's tests, once on each database."""
    folder = tmp_path_factory.mktemp(request.param)
    where = {"data_dir": folder}
    if request.param == "postgresql":
        where = {"database_url": new_postgres_url(request.getfixturevalue("postgres"))}
    with Server(folder, **where) as running:
        yield running
