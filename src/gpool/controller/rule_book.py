"""Rules of one's own, found by their names among the packages that are installed beside the controller."""

from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points

from gpool.errors import InvalidInput
from gpool.model.policy import RuleSettings
from gpool.rules import GROUP
from gpool.scheduler.own_rules import OwnRule, OwnRules

__all__ = ["RuleBook"]

_METHODS = ("allows", "points", "rank")


class RuleBook:
    """Loads rules. What was found once is not looked for again: a package that is updated takes a new controller."""

    def __init__(self) -> None:
        self._found: dict[str, EntryPoint] = {}

    def check(self, rules: Sequence[RuleSettings]) -> None:
        """Raise `InvalidInput` for a rule that cannot be had."""
        for settings in rules:
            self._make(settings)

    def rules(self, rules: Sequence[RuleSettings]) -> OwnRules:
        """All of them that can be had; the others are among its problems."""
        made, problems = [], []
        for settings in rules:
            try:
                made.append(self._make(settings))
            except InvalidInput as error:
                problems.append((settings.name, f"it is left out: {error}"))
        return OwnRules(made, problems)

    def _make(self, settings: RuleSettings) -> OwnRule:
        name = settings.name
        entry = self._entry(name)
        try:
            rule = entry.load()(**settings.options)
        except (Exception, SystemExit) as error:
            raise InvalidInput(
                f"the rule '{name}' ({entry.value}) cannot be made: {type(error).__name__}: {str(error)[:300]}"
            ) from error
        if not any(callable(getattr(rule, method, None)) for method in _METHODS):
            raise InvalidInput(
                f"the rule '{name}' ({entry.value}) has none of the methods {', '.join(_METHODS)}; see gpool.rules"
            )
        return OwnRule(name, float(settings.weight), rule)

    def _entry(self, name: str) -> EntryPoint:
        if name not in self._found:
            known = {entry.name: entry for entry in entry_points(group=GROUP)}
            if name not in known:
                names = ", ".join(sorted(known)) or "none"
                raise InvalidInput(
                    f"there is no rule '{name}' among the packages of this controller ({names} of the group {GROUP}); "
                    "install its package there and start the controller again"
                )
            self._found[name] = known[name]
        return self._found[name]
