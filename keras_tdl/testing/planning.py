"""Which check runs on which case: numbers are checked on every setting, everything else on as few as tell it.

Whether a layer can be saved does not depend on the value of its `alpha`, only on there being an `alpha`. So the checks
of the configuration run on the first case of a subject, and on one that differs from it in all arguments at once.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from keras_tdl.testing.case import Case
from keras_tdl.testing.registry import Check, Tier, checks_for


def plan(
    cases: Iterable[Case], tiers: Sequence[Tier] = ("core", "numerics"), every_setting: bool = False
) -> list[tuple[Case, Check]]:
    """The pairs of case and check to run, in the order of the cases.

    Args:
        cases: The cases. Those of one subject with the same inputs are its settings.
        tiers: Only the checks of these tiers.
        every_setting: Whether every check runs on every setting.

    Raises:
        ValueError: If an expected failure of a case is no check.
    """
    listed = list(cases)
    groups: dict[Any, list[Case]] = {}
    for case in listed:
        groups.setdefault((id(case.subject), case.form, repr(case.inputs), case.dtype), []).append(case)
    few = {case for settings in groups.values() for case in representatives(settings)}
    return [
        (case, check)
        for case in listed
        for check in checks_for(case, tiers)
        if every_setting or check.depends_on == "numbers" or case in few or check.name in case.expected_failures
    ]


def representatives(settings: Sequence[Case]) -> list[Case]:
    """The first of a subject's settings, and as few more as differ from it in every argument that one of them gives.

    A case with the arguments of the first is no setting, but declares something else. It is one of them too.
    """
    first, *others = settings
    changed = {case: _changed(first.arguments, case.arguments) for case in others}
    missing = set().union(*changed.values())
    chosen = [first]
    for case in sorted(others, key=lambda case: -len(changed[case])):
        if changed[case] & missing or not changed[case]:
            chosen.append(case)
            missing -= changed[case]
    return chosen


def _changed(one: Mapping[str, Any], other: Mapping[str, Any]) -> set[str]:
    """The names of the arguments that differ."""
    return {
        name for name in (*one, *other) if (name in one, repr(one.get(name))) != (name in other, repr(other.get(name)))
    }
