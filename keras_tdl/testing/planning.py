"""Which check runs on which case: checks of numbers on every setting, all others on as few as are needed.

Whether a layer can be saved depends on which arguments it has, not on their values. So the checks of the configuration
run on the first case of a subject, and on one that gives every argument another value.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from keras_tdl.testing.case import Case, defaults
from keras_tdl.testing.registry import Check, Tier, checks_for

#: What a case declares besides its arguments: a setting that changes one of these is not left out either.
DECLARED = ("labels", "predictions", "mask", "axis", "domain")


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
    """The first of a subject's settings, and as few more as are needed to change all that one of them changes.

    A case with the same arguments as the first was made to declare something else. It is always one of them.
    """
    first, *others = settings
    changed = {case: _changed(first, case) for case in others}
    missing = set().union(*changed.values())
    chosen = [first]
    for case in sorted(others, key=lambda case: -len(changed[case])):
        if changed[case] & missing or not changed[case]:
            chosen.append(case)
            missing -= changed[case]
    return chosen


def _changed(first: Case, other: Case) -> set[str]:
    """The names of the arguments and declarations that differ."""
    one, two = ({**defaults(case.subject), **case.arguments} for case in (first, other))
    arguments = {name for name in (*one, *two) if repr(one.get(name)) != repr(two.get(name))}
    return arguments | {name for name in DECLARED if getattr(first, name) != getattr(other, name)}
