"""Loading a dataset card: by name or path, checked as a whole before a file is touched."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from faultsyn.errors import InputError
from faultsyn.ingest.check import check_rule
from faultsyn.ingest.schema import Body, Card, Rule
from faultsyn.ingest.strict_yaml import read_yaml
from faultsyn.resources import find

DEFAULT_TOLERANCE = 0.005


@dataclass(frozen=True)
class Effective:
    """A rule with the card's defaults filled in.

    - `where`: how errors name it.
    """

    where: str
    rule: Rule
    body: Body

    @property
    def tolerance(self) -> float:
        """Relative difference that two statements of one rate may have."""
        return self.body.rate_tolerance or DEFAULT_TOLERANCE


def load_card(name_or_path: str | Path) -> Card:
    """The card of that name (`data/<name>.yaml`) or at that path.

    Raises `InputError` in one line: file, place in it, what is wrong, the nearest valid key.
    """
    path = find(name_or_path, "data")
    return parse_card(read_yaml(path), str(path))


def parse_card(content: Any, where: str) -> Card:
    """Check what a card's YAML holds; `where` names it in errors."""
    try:
        card = Card.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = _place(first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise InputError(f"{where}: {place}{message[:1].lower()}{message[1:]}") from None
    for k, rule in enumerate(rules(card)):
        if rule.rule.regex is not None:
            compile_regex(rule.rule.regex, f"{where}: recordings[{k}].regex")
        check_rule(card, rule.rule, rule.body, f"{where}: recordings[{k}]")
    return card


def compile_regex(text: str, where: str) -> re.Pattern[str]:
    """A compiled regular expression; `InputError` naming where it stands when it is not one."""
    try:
        return re.compile(text)
    except re.error as error:
        raise InputError(f"{where}: '{text}' is not a regular expression: {error}") from None


def card_hash(card: Card) -> str:
    """A short hash of everything in a card that decides what comes out of it.

    What a card leaves out does not count, so a key that cards may have from now on changes nothing.
    """
    prose = {"title", "publisher", "address", "licence", "citation", "about", "fetch"}
    content = card.model_dump(mode="json", exclude=prose, exclude_defaults=True)
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def rules(card: Card) -> list[Effective]:
    """The card's rules with its defaults filled in.

    `values`, `join` and `columns` are merged by key; what else a rule gives replaces the default.
    """
    return [
        Effective(f"card '{card.name}', recordings[{i}]", rule, _merge(card.defaults, rule))
        for i, rule in enumerate(card.recordings)
    ]


def _merge(defaults: Body, rule: Rule) -> Body:
    given: dict[str, Any] = {}
    for key in Body.model_fields:
        own, common = getattr(rule, key), getattr(defaults, key)
        if key in ("values", "join", "columns"):
            given[key] = {**common, **own}
        else:
            given[key] = own if own not in (None, [], {}) else common
    return Body.model_construct(**given)


def _place(loc: tuple[int | str, ...]) -> str:
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return f"{text}: " if text else ""
