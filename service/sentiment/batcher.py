"""Forward passes shared by all who wait: windows that arrive together are read together."""

import threading
import time

from service import metrics

# Padded tokens of one forward pass: somebody who waits for one text waits for one pass of another at most.
BATCH_TOKENS = 512


class _Job:
    def __init__(self, windows):
        # The longest last, where pop takes it: windows of one length share a pass, and little of it is padding.
        self.left = sorted(enumerate(windows), key=lambda item: len(item[1]))
        self.found = [None] * len(windows)
        self.missing = len(windows)
        self.error = None

    @property
    def done(self):
        return self.missing == 0 or self.error is not None


class Batcher:
    """Runs `infer` on windows of any number of callers at once, one pass at a time: two would only share the same cores.

    `infer` takes a list of windows (lists of token ids) and returns a list of their outputs. `wait_s` is how long the first caller
    of an idle model waits for company.
    """

    def __init__(self, infer, wait_s=0.0):
        self._infer, self._wait_s = infer, wait_s
        self._jobs = []
        self._state, self._turn = threading.Lock(), threading.Lock()

    def run(self, windows, on_batch=lambda: None):
        """The outputs of windows, in their order. Whoever has the turn reads for the others too; `on_batch` is called after each turn.

        Raises what `infer` raised on a pass that held one of these windows.
        """
        if not windows:
            return []
        job = _Job(windows)
        with self._state:
            idle = not self._jobs
            self._jobs.append(job)
        if idle and self._wait_s:
            time.sleep(self._wait_s)
        while not job.done:
            with self._turn:
                if not job.done:
                    self._pass()
            on_batch()
        if job.error is not None:
            raise job.error
        return job.found

    def _pass(self):
        with self._state:
            group = self._take()
        metrics.WINDOWS.observe(len(group))
        try:
            outputs = self._infer([window for _, (_, window) in group])
        except Exception as error:
            with self._state:
                for job, _ in group:
                    job.error = error
                self._jobs = [job for job in self._jobs if job.error is None]
            return
        for (job, (place, _)), output in zip(group, outputs):
            job.found[place] = output
            job.missing -= 1

    def _take(self):
        """The windows of the next pass: one of the oldest job, so that it moves on, then those of the smallest jobs first, so that
        one text does not wait behind an import."""
        oldest = self._jobs[0]
        group = [(oldest, oldest.left.pop())]
        longest = len(group[0][1][1])
        for job in sorted(self._jobs, key=lambda job: len(job.left)):
            while job.left:
                length = max(longest, len(job.left[-1][1]))
                if length * (len(group) + 1) > BATCH_TOKENS:
                    break
                group.append((job, job.left.pop()))
                longest = length
        self._jobs = [job for job in self._jobs if job.left]
        return group
