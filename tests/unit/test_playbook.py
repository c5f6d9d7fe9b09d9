import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import BadPlaybook, StartError
from service.playbook import MAX_BYTES, open_playbook
from service.segments import SEGMENTS
from service.sentiment.reading import DRIVERS
from service.settings import Settings

DEFAULT = open_playbook(Settings().playbook)
SAY = "say: {he: שלום, en: hello}"


@pytest.fixture
def opened(tmp_path):
    """Writes a playbook and opens it."""

    def write_and_open(text):
        path = tmp_path / "playbook.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return open_playbook(path)

    return write_and_open


@pytest.fixture
def faults(opened):
    """Writes a playbook and returns its faults as (line, text)."""

    def faults_of(text):
        with pytest.raises(BadPlaybook) as error:
            opened(text)
        found = [re.fullmatch(r".*playbook\.yaml:(\d+): (.+)", line) for line in str(error.value).splitlines()]
        return [(int(line[1]), line[2]) for line in found]

    return faults_of


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (f"- id: a\n  {SAY}\n  wen: {{}}", 3, "a rule has no key 'wen': did you mean when?"),
        (f"- id: a\n  when:\n    segmnt: [lost]\n  {SAY}", 3, "when has no key 'segmnt': did you mean segment?"),
        ("- id: a\n  say:\n    he: שלום\n    en: hello\n    fr: bonjour", 5, "say has no key 'fr': known are he, en"),
        (f"- id: a\n  {SAY}\n  [x]: 1", 3, "a rule has no key 'that'"),
        (f"- id: a\n  {SAY}\n  id: b", 3, "a rule has the key id twice"),
        (f"- id: a\n  when:\n    segment:\n    - lost\n    - at_rsk\n  {SAY}", 5, "there is no segment 'at_rsk': did you mean at_risk?"),
        (f"- id: a\n  when:\n    driver: [pirce]\n  {SAY}", 3, "there is no driver 'pirce': did you mean price? known are price, bil"),
        (f"- id: a\n  when: {{driver: [[price]]}}\n  {SAY}", 2, "there is no driver 'that'"),
        (f"- id: a\n  when:\n    driver: price\n  {SAY}", 3, "driver must be a list of names, like [price]"),
        (f"- id: a\n  when:\n    stage: []\n  {SAY}", 3, "stage must be a list of names, like [keep]"),
        (f"- id: a\n  when:\n    stage: [no]\n  {SAY}", 3, "stage must be a text: put it in quotes"),
        (f"- id: a\n  when:\n    stage: [{'x' * 65}]\n  {SAY}", 3, "stage must be a text of 1 to 64 letters"),
        (f"- id: a\n  when: {{stage: [keep, keep]}}\n  {SAY}", 2, "stage 'keep' is named twice"),
        (f"- id: a\n  when:\n  {SAY}", 2, "when must be a mapping of segment, driver, stage"),
        ("- id: a\n  within_h: 1", 1, "the rule has no say"),
        ("- id: a\n  say: hello", 2, "say must be a mapping of he, en"),
        ("- id: a\n  say:\n    en: hello", 3, "say has no he: give both he and en"),
        ("- id: a\n  say: {he: שלום}", 2, "say has no en: give both he and en"),
        ("- id: a\n  say:\n    he: hello\n    en: hello", 3, "he holds no Hebrew letter"),
        ("- id: a\n  say:\n    he: שלום\n    en: ' '", 4, "en must be a text of 1 to 300 letters"),
        ("- id: a\n  say:\n    he: שלום\n    en: [hello]", 4, "en must be a text: put it in quotes"),
        ('- id: a\n  say:\n    he: שלום\n    en: "a\\0"', 4, "en holds a control character"),
        ('- id: a\n  say:\n    he: שלום\n    en: "\\ud83d"', 4, "en holds a control character or half a character"),
        (f"- {SAY}", 1, "the rule has no id"),
        (f"-\n  id: Not This\n  {SAY}", 2, "id must be 1 to 64 small letters"),
        (f"-\n  id: 7\n  {SAY}", 2, "id must be 1 to 64 small letters"),
        (f"- {{id: a, {SAY}}}\n\n- {{id: a, {SAY}, when: {{stage: [keep]}}}}", 3, "id a is taken by the rule in line 1"),
        (f"- id: a\n  {SAY}\n  within_h: 0", 3, "within_h must be a number of hours, above 0"),
        (f"- id: a\n  {SAY}\n  within_h: .inf", 3, "within_h must be a number"),
        (f"- id: a\n  {SAY}\n  within_h: 1:30", 3, "within_h must be a number"),
        (f"- id: a\n  {SAY}\n  within_h: true", 3, "within_h must be a number"),
        (f"- id: a\n  {SAY}\n  within_h: {'9' * 5_000}", 3, "within_h must be a number"),
        (f"- id: a\n  {SAY}\n  within_h: !!float [1]", 3, "within_h must be a number"),
        ("- id: a\n  say:\n    he: לומר: שלום\n    en: hello", 3, "mapping values are not allowed here: put a text that holds a colon in"),
        (f"- id: a\n\t{SAY}", 2, "indent with spaces, not tabs"),
        ("- id: a\n  say: {he: שלום", 2, "while parsing a flow mapping, expected ',' or '}'"),
        ('- id: a\n  say: {he: "\\UFFFFFFFF"}', 2, "an escape that stands for no character"),
        (f"- id: a\n  {SAY}\n---\n- id: b", 3, "but found another document"),
        (f"- id: a\n  {SAY}\n- b", 3, "a rule must be a mapping of id, when, say, within_h"),
        ("id: a", 1, "must be a list of rules"),
        ("", 1, "no rules: give at least one"),
        ("# nothing yet\n[]", 1, "no rules: give at least one"),
        ("- id: a\n  say: שלום".encode("iso-8859-8"), 2, "is not UTF-8"),
        ("- id: a".encode("utf-16"), 1, "is not UTF-8"),
        ("- id: a\n\n- id: \x1b[31m", 3, "holds the control character U+001B"),
        ("#" * (MAX_BYTES + 1), 1, "larger than 256 KiB"),
        ("[" * 1_000, 1, "nested too deep"),
        (f"- &a\n  id: a\n  {SAY}\n- *a", 1, "anchors and aliases (& and *) are not allowed"),
        (f"- id: a\n  {SAY}\n- *a", 3, "anchors and aliases (& and *) are not allowed"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_line(faults, text, line, says):
    [(at, fault)] = faults(text)
    assert says in fault
    assert at == line


def test_all_faults_are_told_in_the_order_of_the_file(faults):
    found = faults("- id: a\n  when: {segment: [happy]}\n- id: b\n  say: {he: hi, en: hi}\n  within_h: soon\n- 3")
    assert [line for line, _ in found] == [1, 2, 4, 5, 6]


def test_a_bomb_of_aliases_is_refused_before_it_is_unfolded(faults):
    bomb = "- &a [x]\n" + "".join(f"- &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(20))
    assert faults(bomb) == [(1, "anchors and aliases (& and *) are not allowed: write it out")]


def test_a_file_that_is_not_there_is_a_fault(tmp_path):
    with pytest.raises(StartError, match=r"none\.yaml:1: can't be read \(No such file"):
        open_playbook(tmp_path / "none.yaml")


def rules(*conditions):
    """A playbook of rules a, b, c … with these conditions, one a line."""
    return "\n".join(f"- {{id: {chr(97 + n)}, when: {{{when}}}, {SAY}}}" for n, when in enumerate(conditions))


@pytest.mark.parametrize(
    ("conditions", "line", "says"),
    [
        (["segment: [lost]", "segment: [lost]"], 2, "b is never reached, for a in line 1"),
        (["segment: [lost, at_risk]", "segment: [lost]"], 2, "b is never reached, for a in line 1"),
        (
            ["segment: [lost]", "segment: [at_risk]", "segment: [at_risk, lost]"],
            3,
            "for a in line 1, b in line 2 would",
        ),
        (["", ""], 2, "b is never reached, for a in line 1"),
        (["stage: [x]", "stage: [x, y]", "stage: [y]"], 3, "c is never reached, for b in line 2"),
    ],
)
def test_a_rule_that_is_never_reached_is_a_fault(faults, conditions, line, says):
    [(at, fault)] = faults(rules(*conditions))
    assert says in fault
    assert at == line


def test_two_rules_in_one_line_do_not_hide_each_other(opened):
    first, second = rules("segment: [lost]", "segment: [at_risk]").replace("- ", "").splitlines()
    assert len(opened(f"[{first}, {second}]").rules) == 2


def test_the_most_specific_rule_answers_wherever_it_stands(opened):
    playbook = opened(
        rules(
            "", "segment: [lost]", "segment: [lost], driver: [price]", "segment: [lost], driver: [price], stage: [keep]"
        )
    )
    assert playbook.suggest("satisfied", ["price"], "keep").id == "a"
    assert playbook.suggest("lost", [], "keep").id == "b"
    assert playbook.suggest("lost", ["policy", "price"], None).id == "c"
    assert playbook.suggest("lost", ["policy", "price"], "keep").id == "d"


def test_of_equally_specific_rules_the_weightier_driver_answers_and_then_the_upper_rule(opened):
    playbook = opened(rules("driver: [price]", "driver: [policy, price]", "stage: [keep]"))
    assert playbook.suggest("lost", ["policy", "price"], None).id == "b"
    assert playbook.suggest("lost", ["price", "policy"], None).id == "a"
    assert playbook.suggest("lost", ["price"], "keep").id == "a"


def test_a_suggestion_names_the_driver_it_answers(opened):
    playbook = opened(
        "- {id: a, when: {driver: [price]}, within_h: 1.5, say: {he: 'שלום\n  רב', en: hello}}\n"
        + rules("").replace("a,", "b,")
    )
    found = playbook.suggest("lost", ["policy", "price"], None)
    assert (found.driver, found.he, found.en, found.within_h) == ("price", "שלום רב", "hello", 1.5)
    found = playbook.suggest("lost", ["policy"], None)
    assert (found.id, found.driver, found.within_h) == ("b", None, None)


def test_where_no_rule_fits_nothing_is_suggested(opened):
    assert opened(rules("segment: [lost]")).suggest(None, [], None) is None


@given(st.text() | st.none(), st.lists(st.text() | st.sampled_from(DRIVERS)), st.text() | st.none())
def test_a_suggestion_never_fails_whatever_the_words(segment, drivers, stage):
    found = DEFAULT.suggest(segment, drivers, stage)
    assert found is None or found.driver is None or found.driver in drivers


@given(st.binary() | st.text("-?:[]{}&*!|>'\"%#,\\U0F\n\t aidsy").map(str.encode))
def test_any_file_is_a_playbook_or_a_bad_one(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(data)
    with pytest.raises(BadPlaybook, match=r"any\.yaml:\d+: "):
        open_playbook(path)


@pytest.mark.parametrize("segment", SEGMENTS)
def test_the_default_playbook_has_an_answer_for_every_segment_and_driver(segment):
    assert all(DEFAULT.suggest(segment, [driver], stage) for driver in DRIVERS for stage in (None, "grow", "ours"))
    assert DEFAULT.suggest(segment, [], None)


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("segment", ["at_risk", "cooling"])
@pytest.mark.parametrize("stage", [None, "acquire", "grow", "keep"])
def test_the_default_playbook_answers_each_reason_of_those_about_to_leave(segment, driver, stage):
    assert DEFAULT.suggest(segment, [driver], stage).driver == driver


@pytest.mark.parametrize("rule", DEFAULT.rules, ids=lambda rule: rule.id)
def test_the_default_playbook_speaks_hebrew_and_english_and_gives_a_time(rule):
    assert re.search("[א-ת]{2}", rule.he) and not re.search("[A-Za-z]", rule.he)
    assert re.search("[a-z]{2}", rule.en) and not re.search("[א-ת]", rule.en)
    assert len(rule.he) <= 160 and rule.within_h


def test_the_default_playbook_keeps_the_advice_it_exists_for():
    for segment in ("cooling", "at_risk"):
        for stage in (None, "acquire", "grow", "keep"):
            price = DEFAULT.suggest(segment, ["price"], stage)
            assert "instalments" in price.en and "תשלומים" in price.he
            assert DEFAULT.suggest(segment, ["wait_time"], stage).within_h == 1
    assert "not hand over to an outside lender" in DEFAULT.suggest("at_risk", ["price"], None).en
    assert "oyalty offer" in DEFAULT.suggest("at_risk", ["competitor"], "keep").en
    assert all("review" in DEFAULT.suggest("passionate", [driver], "keep").en for driver in DRIVERS)
