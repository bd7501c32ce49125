"""A worker: checks targets on the backend of its process. `keras_tdl.testing.workers` starts it and reads its messages.

It reads a request, one line of JSON, from its standard input, and writes messages, a line of JSON each: `cases`, or
`refused`; then `start` and `result` for each check; `done`.
"""

import faulthandler
import importlib.metadata
import json
import os
import platform
import re
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import keras

from keras_tdl.testing.case import Case
from keras_tdl.testing.registry import Check, all_checks, checks_for, find_check
from keras_tdl.testing.report import Result
from keras_tdl.testing.running import described, run
from keras_tdl.testing.snippets import snippet
from keras_tdl.testing.targets import TargetError, find_cases

SKIPPED = "skipped on request"


def work(request: dict[str, Any], send: Callable[..., None]) -> None:
    """Answers one request."""
    try:
        plan = _plan(request)
    except TargetError as error:
        send("refused", problem=str(error))
        return
    send("cases", cases=_listed(plan), versions=_versions())
    pairs = [(case, check) for case, checks in plan for check in checks]
    for case, check in pairs[request["first"] :]:
        send("start", snippet=snippet(case, check.name), stderr=os.fstat(2).st_size)
        # a moment before the parent ends this process, which then finds in stderr where the check hangs
        faulthandler.dump_traceback_later(0.9 * request["limit"], file=2)
        if check.name in request["skip"]:
            result = Result(check.name, "not run", check.tier, check.severity, check.contract, SKIPPED)
        else:
            result = run(check, case)
        faulthandler.cancel_dump_traceback_later()
        send("result", result=result.as_dict())
    send("done")


def _plan(request: dict[str, Any]) -> list[tuple[Case, Sequence[Check]]]:
    """The cases that have checks to run, with them."""
    options = request["options"]
    if "inputs" in options:
        options["inputs"] = _shape(options["inputs"])
    found = [case for target in request["targets"] for case in find_cases(target, options)]
    only = request["only"]
    try:
        for name in (*only, *request["skip"]):
            find_check(name)
        plan = [(case, checks_for(case, request["tiers"])) for case in found]
    except ValueError as error:
        raise TargetError(str(error)) from error
    if only:
        plan = [(case, [c for c in all_checks() if c.name in only and case.form in c.forms]) for case in found]
    if not any(checks for _, checks in plan):
        wanted = ", ".join(only or request["tiers"])
        raise TargetError(f"Expected checks that apply to {', '.join(map(str, found))}. Received: {wanted}.")
    return [(case, checks) for case, checks in plan if checks]


def _shape(value: Any) -> Any:
    """A shape or shapes, which JSON has as lists, as tuples."""
    return tuple(map(_shape, value)) if isinstance(value, list) else value


def _listed(plan: list[tuple[Case, Sequence[Check]]]) -> list[dict[str, Any]]:
    """The cases, each under a name of its own that is the same in every process, with their checks."""
    names = Counter[str]()
    listed = []
    for case, checks in plan:
        name = re.sub(r"at0x[0-9a-f]+", "", str(case))
        names[name] += 1
        rows = [
            {
                "check": check.name,
                "tier": check.tier,
                "severity": check.severity,
                "contract": check.contract,
                "reason": case.expected_failures.get(check.name, ""),
            }
            for check in checks
        ]
        name = f"{name} ({names[name]})" if names[name] > 1 else name
        listed.append({"case": name, "inputs": described(case), "checks": rows})
    return listed


def _versions() -> dict[str, str]:
    names = ("keras", keras.config.backend(), "numpy")
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in names}}


def main() -> None:
    """Runs the worker."""
    # What the code under check prints must not come between the messages, and it must not read the request.
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    faulthandler.enable()
    sys.path.insert(0, os.getcwd())

    def send(kind: str, **content: Any) -> None:
        channel.write(json.dumps({"message": kind, **content}, default=float) + "\n")
        channel.flush()

    request = json.loads(requests.readline())
    threading.Thread(target=_end_with_parent, args=(requests.fileno(),), daemon=True).start()
    work(request, send)


def _end_with_parent(descriptor: int) -> None:
    """Ends this process when the parent, which holds the other end, is no more."""
    os.read(descriptor, 1)
    os._exit(1)


if __name__ == "__main__":
    main()
