"""A host that stops the whole machine for a while (a migration, a closed lid): time jumps, and that is all."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

SECONDS = 12  # of stress; the pause comes in the middle


class Pause:
    """Stops QEMU once, two seconds after the stress has begun, for so many seconds."""

    def __init__(self, seconds: float):
        self.seconds = seconds
        self.done = threading.Event()

    def __call__(self, line: str, qmp) -> None:
        if line.startswith("stress: seed"):
            threading.Thread(target=self.stop, args=(qmp.pid,), daemon=True).start()

    def stop(self, pid: int) -> None:
        time.sleep(2)
        os.kill(pid, signal.SIGSTOP)
        time.sleep(self.seconds)
        os.kill(pid, signal.SIGCONT)
        self.done.set()


@pytest.mark.parametrize(
    "seconds", [25, pytest.param(60, marks=pytest.mark.large)], ids=["25 s", "60 s"]
)
def test_a_pause_of_the_host_under_stress_harms_nothing(boot, seconds):
    """Longer than any lock, shootdown or thread of the stress is waited for."""
    pause = Pause(seconds)
    done = boot(
        f"init=/bin/stress -- --threads 16 --seconds {seconds + SECONDS}",
        smp=4,
        timeout=seconds + 240,
        on_line=pause,
    ).check()
    assert pause.done.is_set(), "it was over before the pause"
    done.one(r"^[\d,]+ calls, 0 errors$")
    assert not done.find("panic")
