"""One worker process: its environment, its messages, and how it ended."""

import contextlib
import itertools
import json
import os
import queue
import re
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Mapping
from typing import Any

_DEVICES = "--xla_force_host_platform_device_count"
_TAIL_LINES = 6
# Seconds between two looks at whether the process lives, and for it to end by itself.
_LOOK, _GRACE = 0.2, 5.0


class Ended(Exception):  # noqa: N818 - an end, not an error of ours
    """The worker hangs or is no more; the message says how, and where or with what last words."""


class WorkerProcess:
    """A worker that has got a request.

    Args:
        backend: Its backend.
        request: What `keras_tdl.testing.worker` reads.
    """

    def __init__(self, backend: str, request: Mapping[str, Any]) -> None:
        self._errors = tempfile.TemporaryFile("a+b")  # noqa: SIM115 - closed by close()
        self._start = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "keras_tdl.testing.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment(backend),
            start_new_session=True,  # so that what the code under check starts ends with it
        )
        assert self._process.stdin is not None  # it stays open: by its end the worker knows that we are gone
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        with contextlib.suppress(BrokenPipeError):  # it died at once; message() says how
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(b"")

    def message(self, limit: float, stop: threading.Event) -> dict[str, Any]:
        """The next message.

        Raises:
            Ended: If none comes within `limit` seconds, or the process has ended, or `stop` is set.
        """
        deadline = time.monotonic() + limit
        while not stop.is_set():
            # asked before: what it wrote until its end is then in the queue in time
            alive = self._process.poll() is None
            try:
                line = self._lines.get(timeout=_LOOK)
            except queue.Empty:
                if not alive:
                    raise Ended(self._death()) from None
                if time.monotonic() > deadline:
                    raise Ended(f"time limit of {limit:g} s passed{self._place()}") from None
                continue
            if not line:
                raise Ended(self._death())
            try:
                content = json.loads(line)
            except ValueError:  # printed before the worker had its channel
                continue
            if isinstance(content, dict) and "message" in content:
                self._start = content.get("stderr", self._start)
                return content
        raise Ended("stopped")

    def close(self) -> None:
        """Ends the process and all that it started, at once."""
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        else:
            self._process.kill()
        self._process.wait()
        self._reader.join(_GRACE)
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                stream.close()

    def wait(self) -> int | None:
        """Gives the process a moment to end by itself; its exit code, if it does."""
        try:
            return self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            return None

    def _death(self) -> str:
        code = self.wait()
        if code is None:
            how = "the worker process closed its channel"
        elif code < 0:
            memory = ", perhaps out of memory" if -code == signal.SIGKILL else ""
            how = f"the worker process died (signal {-code}{memory}){self._place()}"
        else:
            how = f"the worker process ended (exit code {code})"
        words = self._last_words()
        return f"{how}. Its last words:\n{words}" if words else how

    def _stderr(self) -> str:
        """What the current check wrote to stderr."""
        self._errors.seek(self._start)
        return self._errors.read().decode(errors="replace")

    def _last_words(self) -> str:
        """The end of stderr; of a traceback, only the error."""
        before, crash, report = self._stderr().partition("Fatal Python error")
        lines = [line for line in before.splitlines() if line.strip()]
        if "Traceback (most recent call last):" in lines:
            start = len(lines) - lines[::-1].index("Traceback (most recent call last):")
            lines = list(itertools.dropwhile(lambda line: line.startswith(" "), lines[start:])) or lines
        return "\n".join([*lines, *([crash + report.partition("\n")[0]] if crash else [])][-_TAIL_LINES:])

    def _place(self) -> str:
        """Where the check was when it hung or crashed: the innermost line that is neither a library's nor ours."""
        # the main thread is the last one, if Python does not say which one crashed
        threads = re.split(r"(?=Current thread 0x|Thread 0x)", self._stderr())
        stack = next((t for t in threads if t.startswith("Current")), threads[-1] if len(threads) > 1 else "")
        libraries = (sysconfig.get_path("stdlib"), os.path.dirname(__file__), "<")
        for file, line, name in re.findall(r'File "(.+)", line (\d+) in (.+)', stack):
            if "site-packages" not in file and not file.startswith(libraries):
                return f" in {os.path.basename(file)}, line {line}, in {name}"
        return ""


def environment(backend: str) -> dict[str, str]:
    """The environment variables of a worker."""
    variables = {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ, "KERAS_BACKEND": backend}
    flags = variables.get("XLA_FLAGS", "")
    if backend == "jax" and _DEVICES not in flags:
        # several devices, so that a model can be distributed
        variables["XLA_FLAGS"] = f"{flags} {_DEVICES}=4".strip()
    return variables
