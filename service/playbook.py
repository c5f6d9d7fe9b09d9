"""The playbook, a YAML file: segment × driver × stage → what the person who serves the customer should do next (pure).

Every fault of a file is told with its line, so the nodes of the YAML are read, which know where they stand, not the values.
"""

import difflib
import itertools
import math
import re
import unicodedata
from dataclasses import dataclass

import yaml

from service.errors import BadPlaybook
from service.segments import SEGMENTS
from service.sentiment.reading import DRIVERS
from service.text import is_unicode

CONDITIONS = {"segment": SEGMENTS, "driver": DRIVERS, "stage": None}  # what each may name; None: the company's own
LANGUAGES = ("he", "en")
MAX_BYTES, MAX_DEPTH = 256 * 1024, 8
MAX_SAY, MAX_STAGE, MAX_WITHIN_H = 300, 64, 8_760  # letters, letters (as in an interaction), hours (a year)
_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_HEBREW = re.compile("[א-ת]")
_HINTS = {
    "mapping values are not allowed here": "put a text that holds a colon in quotes",
    "found character '\\t' that cannot start any token": "indent with spaces, not tabs",
}


@dataclass(frozen=True)
class Rule:
    """segment, driver and stage are the names that it answers, or () for any; within_h is in hours, or None."""

    id: str
    line: int
    segment: tuple[str, ...]
    driver: tuple[str, ...]
    stage: tuple[str, ...]
    he: str
    en: str
    within_h: float | None

    @property
    def specificity(self):
        """How many conditions it gives, 0 to 3."""
        return sum(map(bool, (self.segment, self.driver, self.stage)))

    def fits(self, segment, driver, stage):
        given = ((self.segment, segment), (self.driver, driver), (self.stage, stage))
        return all(not names or name in names for names, name in given)


@dataclass(frozen=True)
class Suggestion:
    """`driver` is the one that the rule answers, or None where the rule is for any; within_h is in hours, or None."""

    id: str
    he: str
    en: str
    within_h: float | None
    driver: str | None


@dataclass(frozen=True)
class Playbook:
    """Its rules, the most specific first, and else as in the file."""

    rules: tuple[Rule, ...]

    @property
    def stages(self):
        """The stages that some rule names, in the order of the file."""
        by_line = sorted(self.rules, key=lambda rule: rule.line)
        return tuple(dict.fromkeys(stage for rule in by_line for stage in rule.stage))

    def answer(self, segment, driver, stage):
        """The Rule that answers for one driver, or for none (None); None where no rule does."""
        return next((rule for rule in self.rules if rule.fits(segment, driver, stage)), None)

    def suggest(self, segment, drivers, stage):
        """The Suggestion for a customer, or None; `drivers` are names, the weightiest first.

        Each driver has the rule that answers it; the most specific of those wins, at equal specificity the weightier driver's.
        A segment, driver or stage that is unknown, or None, fits the rules that leave it out.
        """
        found = [(rule, driver) for driver in drivers or (None,) if (rule := self.answer(segment, driver, stage))]
        if not found:
            return None
        rule, driver = max(found, key=lambda pair: pair[0].specificity)
        return Suggestion(rule.id, rule.he, rule.en, rule.within_h, driver if rule.driver else None)


def open_playbook(path):
    """The Playbook in a YAML file; raises BadPlaybook with one line a fault: FILE:LINE: what is wrong and what is allowed."""
    faults = []
    rules = _rules(path, faults)
    if not faults and not rules:
        faults.append((1, "no rules: give at least one, - {id: …, say: {he: …, en: …}}"))
    playbook = Playbook(tuple(sorted(rules, key=lambda rule: -rule.specificity)))
    faults += _unreached(playbook)
    if faults:
        raise BadPlaybook("\n".join(f"{path}:{line}: {fault}" for line, fault in sorted(faults)))
    return playbook


def _rules(path, faults):
    root = _compose(path, faults)
    if root is None:
        return []
    if not isinstance(root, yaml.SequenceNode):
        faults.append((_line(root), "must be a list of rules, each beginning with - id:"))
        return []
    rules, lines = [], {}
    for node in root.value:
        rule = _rule(node, faults)
        if rule and rule.id in lines:
            faults.append((rule.line, f"id {rule.id} is taken by the rule in line {lines[rule.id]}: give another"))
        elif rule:
            rules.append(rule)
            lines |= {rule.id: rule.line} if rule.id else {}
    return rules


class _Loader(yaml.SafeLoader):
    """Refuses what a playbook has no need of and a malicious file lives by: references, and nesting without end."""

    depth = 0

    def compose_node(self, parent, index):
        event = self.peek_event()
        if getattr(event, "anchor", None):
            problem = "anchors and aliases (& and *) are not allowed: write it out"
            raise yaml.composer.ComposerError(None, None, problem, event.start_mark)
        if self.depth >= MAX_DEPTH:
            problem = "nested too deep: a rule has id, when, say and within_h"
            raise yaml.composer.ComposerError(None, None, problem, event.start_mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _compose(path, faults):
    """The file's root node, or None."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            faults.append((1, f"larger than {MAX_BYTES // 1024} KiB, which no playbook needs"))
            return None
        loader = _Loader(data.decode("utf-8-sig"))
        return loader.get_single_node()
    except OSError as error:
        faults.append((1, f"can't be read ({error.strerror}): give the path of a playbook in YAML"))
    except UnicodeDecodeError as error:
        faults.append((data.count(b"\n", 0, error.start) + 1, "is not UTF-8: save it as UTF-8"))
    except yaml.reader.ReaderError as error:
        line = data.decode("utf-8-sig").count("\n", 0, error.position) + 1
        faults.append((line, f"holds the control character U+{error.character:04X}: remove it"))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        about = f"{error.context}, " if error.context else ""
        hint = f": {_HINTS[error.problem]}" if error.problem in _HINTS else ""
        faults.append((mark.line + 1, f"{about}{error.problem}{hint}"))
    except (ValueError, OverflowError):  # PyYAML lets those of chr() through
        faults.append((loader.line + 1, "holds an escape that stands for no character: write the character itself"))
    return None


def _line(node):
    return node.start_mark.line + 1


def _is_text(node):
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:str"


def _near(name, known):
    near = difflib.get_close_matches(name, known, 1)
    return f"did you mean {near[0]}? " if near else ""


def _entries(node, place, known, faults):
    """A mapping's nodes by their keys, of which only `known` ones are allowed; None where it is no mapping."""
    if not isinstance(node, yaml.MappingNode):
        faults.append((_line(node), f"{place} must be a mapping of {', '.join(known)}"))
        return None
    found = {}
    for key, value in node.value:
        if not _is_text(key) or key.value not in known:
            name = key.value if isinstance(key, yaml.ScalarNode) else "that"
            hint = f"{_near(name, known)}known are {', '.join(known)}"
            faults.append((_line(key), f"{place} has no key {name[:40]!r}: {hint}"))
        elif key.value in found:
            faults.append((_line(key), f"{place} has the key {key.value} twice: keep one"))
        else:
            found[key.value] = value
    return found


def _rule(node, faults):
    """A Rule of one node; None where its conditions can't be read. Its other faults are told, and it stands in for itself."""
    given = _entries(node, "a rule", ("id", "when", "say", "within_h"), faults)
    if given is None:
        return None
    name = _name(given.get("id"), _line(node), faults)
    when = _entries(given["when"], "when", tuple(CONDITIONS), faults) if "when" in given else {}
    before = len(faults)
    conditions = {key: _names(when[key], key, CONDITIONS[key], faults) for key in CONDITIONS if key in (when or {})}
    readable = when is not None and len(faults) == before
    say, within_h = _say(given.get("say"), _line(node), faults), _within_h(given.get("within_h"), faults)
    if not readable:
        return None
    return Rule(name, _line(node), *(conditions.get(key, ()) for key in CONDITIONS), **say, within_h=within_h)


def _name(node, line, faults):
    if node is None:
        faults.append((line, "the rule has no id: give one in small letters, digits and dashes"))
    elif not _is_text(node) or not _ID.fullmatch(node.value):
        faults.append((_line(node), "id must be 1 to 64 small letters, digits, - and _"))
    else:
        return node.value
    return ""


def _names(node, key, known, faults):
    """The names in a condition's list, which may be the `known` ones, or any where that is None."""
    if not isinstance(node, yaml.SequenceNode) or not node.value:
        faults.append(
            (_line(node), f"{key} must be a list of names, like [{known[0] if known else 'keep'}]; without it, any")
        )
        return ()
    names = []
    for item in node.value:
        if known is None and (fault := _text_fault(item, MAX_STAGE)):
            faults.append((_line(item), f"{key} {fault}"))
        elif known is not None and not (_is_text(item) and item.value in known):
            name = item.value if isinstance(item, yaml.ScalarNode) else "that"
            hint = f"{_near(name, known)}known are {', '.join(known)}"
            faults.append((_line(item), f"there is no {key} {name[:40]!r}: {hint}"))
        elif item.value in names:
            faults.append((_line(item), f"{key} {item.value!r} is named twice: keep one"))
        else:
            names.append(item.value)
    return tuple(names)


def _say(node, line, faults):
    texts = dict.fromkeys(LANGUAGES, "")
    if node is None:
        faults.append((line, "the rule has no say: give {he: …, en: …}"))
        return texts
    given = _entries(node, "say", LANGUAGES, faults)
    for language in LANGUAGES if given is not None else ():
        if language not in given:
            faults.append((_line(node), f"say has no {language}: give both he and en"))
        elif fault := _text_fault(given[language], MAX_SAY):
            faults.append((_line(given[language]), f"{language} {fault}"))
        else:
            texts[language] = " ".join(given[language].value.split())
    if texts["he"] and not _HEBREW.search(texts["he"]):
        faults.append((_line(given["he"]), "he holds no Hebrew letter: he is for Hebrew, en for English"))
    return texts


def _text_fault(node, most):
    """What is wrong with a node that should be a text, or None."""
    if not _is_text(node):
        return "must be a text: put it in quotes"
    text = " ".join(node.value.split())
    if not 1 <= len(text) <= most:
        return f"must be a text of 1 to {most} letters"
    if not is_unicode(text) or any(unicodedata.category(letter) == "Cc" for letter in text):
        return "holds a control character or half a character: remove it"
    return None


def _within_h(node, faults):
    """Hours, or None."""
    if node is None:
        return None
    try:
        number = float(node.value) if node.tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float") else math.nan
    except (TypeError, ValueError):  # 0x10, 1:30
        number = math.nan
    if 0 < number <= MAX_WITHIN_H:
        return number
    faults.append((_line(node), f"within_h must be a number of hours, above 0 and at most {MAX_WITHIN_H}"))
    return None


def _unreached(playbook):
    """The faults of rules that never answer, because others answer all that they are for."""
    faults = []
    for rule in playbook.rules:
        cases = itertools.product(
            rule.segment or (None, *SEGMENTS), rule.driver or (None, *DRIVERS), rule.stage or (None, *playbook.stages)
        )
        winners = []
        for case in cases:
            winner = playbook.answer(*case)
            if winner is rule:
                break
            if winner not in winners:
                winners.append(winner)
        else:
            winners.sort(key=lambda winner: winner.line)
            named = ", ".join(f"{winner.id or 'one'} in line {winner.line}" for winner in winners[:3])
            more = f" and {len(winners) - 3} more" if len(winners) > 3 else ""
            fault = (
                f"{rule.id or 'the rule'} is never reached, for {named}{more} would answer first: change or remove it"
            )
            faults.append((rule.line, fault))
    return faults
