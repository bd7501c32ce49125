"""Known faults of Keras and its backends, as data: faults.json."""

import functools
import importlib.metadata
import importlib.resources
import json
import re
from dataclasses import dataclass

import keras


@dataclass(frozen=True)
class Fault:
    """A known fault.

    Args:
        check: The check it breaks; a name or a pattern such as `gradient.*`.
        message: A regular expression that the message of the failure matches.
        backends: Where it shows.
        since: The first Keras version known to have it.
        until: The last Keras version known to have it.
        what: What is wrong.
        thread: The upstream thread, or where it was measured.
        subject: A regular expression for the object at fault, such as `keras>(ELU|elu)`; empty if it is the framework,
            whatever the subject.
    """

    check: str
    message: str
    backends: tuple[str, ...]
    since: str
    until: str
    what: str
    thread: str = ""
    subject: str = ""

    def __str__(self) -> str:
        versions = self.since if self.since == self.until else f"{self.since} to {self.until}"
        return f"{self.what} (Keras {versions}, {', '.join(self.backends)})" + (
            f"; {self.thread}" if self.thread else ""
        )


@functools.cache
def known_faults() -> tuple[Fault, ...]:
    """The table of known faults."""
    text = importlib.resources.files("keras_tdl.testing").joinpath("faults.json").read_text(encoding="utf-8")
    return tuple(Fault(**{**row, "backends": tuple(row["backends"])}) for row in json.loads(text))


def find_fault(check: str, message: str, subject: str) -> Fault | None:
    """The fault behind a failure on the active backend with the installed Keras, if it is known."""
    version = ordered(importlib.metadata.version("keras"))
    for fault in known_faults():
        if (
            re.fullmatch(fault.check.replace(".", r"\.").replace("*", ".*"), check)
            and (not fault.subject or re.fullmatch(fault.subject, subject))
            and keras.config.backend() in fault.backends
            and ordered(fault.since) <= version <= ordered(fault.until)
            and re.search(fault.message, message, re.DOTALL)
        ):
            return fault
    return None


def ordered(version: str) -> tuple[int, ...]:
    """A version as numbers that compare."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
