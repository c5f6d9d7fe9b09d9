"""Windows of many callers share forward passes; nobody gets another's outputs, another's errors, or no turn."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.sentiment.batcher import BATCH_TOKENS, Batcher


class Recorder:
    """An `infer` that returns each window's sum, notes its passes, and waits in the first one until it is let go."""

    def __init__(self, hold=False):
        self.passes, self.begun, self.go = [], threading.Event(), threading.Event()
        if not hold:
            self.go.set()

    def __call__(self, windows):
        self.passes.append(windows)
        self.begun.set()
        assert self.go.wait(10)
        if any(-1 in window for window in windows):
            raise ValueError("a window that no model can read")
        return [sum(window) for window in windows]


def until_waiting(batcher, jobs):
    """Return when so many jobs have windows that no pass has taken yet."""
    for _ in range(1_000):
        if len(batcher._jobs) == jobs:
            return
        threading.Event().wait(0.005)
    raise AssertionError(f"{len(batcher._jobs)} jobs wait, not {jobs}")


@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=300), max_size=40))
def test_outputs_come_in_the_order_of_the_windows_and_no_pass_is_too_large(windows):
    infer = Recorder()
    assert Batcher(infer).run(windows) == [sum(window) for window in windows]
    assert all(len(some) * max(map(len, some)) <= BATCH_TOKENS for some in infer.passes)


def test_callers_that_wait_together_are_read_together():
    infer = Recorder(hold=True)
    batcher = Batcher(infer)
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(batcher.run, [[1]])
        infer.begun.wait(10)
        others = [pool.submit(batcher.run, [[number], [number, number]]) for number in range(8)]
        until_waiting(batcher, 8)
        infer.go.set()
        assert first.result() == [1]
        assert [other.result() for other in others] == [[number, 2 * number] for number in range(8)]
    assert [len(some) for some in infer.passes] == [1, 16]


def test_one_text_does_not_wait_behind_an_import():
    infer = Recorder(hold=True)
    batcher = Batcher(infer)
    long = [[2] * 128] * 100
    with ThreadPoolExecutor(2) as pool:
        import_ = pool.submit(batcher.run, long)
        infer.begun.wait(10)
        single = pool.submit(batcher.run, [[7]])
        until_waiting(batcher, 2)
        infer.go.set()
        assert single.result() == [7]
        assert import_.result() == [256] * 100
    assert [7] in infer.passes[1]


def test_an_error_reaches_those_whose_windows_were_in_the_pass_and_nobody_else():
    infer = Recorder(hold=True)
    batcher = Batcher(infer)
    with ThreadPoolExecutor(2) as pool:
        fine = pool.submit(batcher.run, [[5]])
        infer.begun.wait(10)
        broken = pool.submit(batcher.run, [[-1]])
        until_waiting(batcher, 1)
        infer.go.set()
        assert fine.result() == [5]
        with pytest.raises(ValueError):
            broken.result()
    assert batcher.run([[3]]) == [3]


def test_the_sign_of_life_comes_between_passes():
    beats = []
    Batcher(Recorder()).run([[1] * 128] * 80, on_batch=lambda: beats.append(1))
    assert len(beats) == 80 // (BATCH_TOKENS // 128)
