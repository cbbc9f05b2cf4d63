"""Generated contacts are refused in any sentence, and generated numbers of other kinds pass."""

from __future__ import annotations

import string
from datetime import date, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from flamebot.domain.dotted_names import ENDINGS, harmless_name
from flamebot.domain.service_names import find_service
from flamebot.domain.text_rules import issues_in
from tests.security.texts import ATTACKS, HARMLESS

_LONGEST = 1_000
_WORD = st.text(string.ascii_lowercase, min_size=3, max_size=10)
_FILES = ("js", "json", "pdf", "txt", "docx", "csv", "jpg", "png", "mp3", "html", "yaml", "xlsx")
_NAME = _WORD.filter(lambda name: find_service(name) is None)
_DIGIT = st.sampled_from("23456789")
_SENTENCES = st.sampled_from(HARMLESS)


@st.composite
def phone_numbers(draw: st.DrawFn) -> str:
    """Return a phone number as people write one: groups with one sign, or a spoken one."""
    digits = "".join(draw(st.lists(_DIGIT, min_size=9, max_size=12)))
    sign = draw(st.sampled_from([" ", "-", ".", "/", " - ", " / ", "\u2013", "", " | ", "*", "~"]))
    style = draw(st.sampled_from(["groups", "pairs", "international", "brackets", "words", "one"]))
    match style:
        case "groups":
            return sign.join((digits[:3], digits[3:6], digits[6:]))
        case "pairs":
            pairs = [digits[at : at + 2] for at in range(0, 8, 2)]
            return (draw(st.sampled_from([" ", "-", "/", " / "]))).join(("06", *pairs))
        case "international":
            return f"+49{sign}{digits[:3]}{sign}{digits[3:]}"
        case "brackets":
            return f"({digits[:3]}) {digits[3:6]}-{digits[6:]}"
        case "words":
            names = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
            spoken = [names[int(digit)] for digit in digits]
            # Counting is no phone number.
            spoken[1] = spoken[2] = spoken[0]
            return draw(st.sampled_from([" ", "-", ", "])).join(spoken)
        case _:
            return digits


@st.composite
def links(draw: st.DrawFn) -> str:
    """Return a web address: with a scheme, a path, or a disguised dot."""
    name, ending = draw(_WORD), draw(st.sampled_from(ENDINGS.split("|")))
    style = draw(st.sampled_from(["{0}.{1}", "www.{0}.{1}", "https://{0}.{1}/x", "{0} (dot) {1}"]))
    case = draw(st.sampled_from([str.lower, str.upper, str.title]))
    return case(style.format(name, ending))


@st.composite
def handles(draw: st.DrawFn) -> str:
    """Return a handle: behind an @, with an underscore, or behind the name of a service."""
    name = draw(_WORD)
    style = draw(
        st.sampled_from(
            [
                "@{}",
                "{}_99",
                "{}@{}.org",
                "snap: {}",
                "my insta {}",
                "IG - {}",
                "find me on Signal {}",
            ]
        )
    )
    return style.format(name, name)


def test_the_corpora_are_large_and_apart() -> None:
    """Every sentence and every disguise stands once, and none in both corpora."""
    assert len(set(HARMLESS)) == len(HARMLESS) > 600
    assert len(set(ATTACKS)) == len(ATTACKS) > 600
    assert not set(HARMLESS) & set(ATTACKS)


def test_no_ending_of_files_is_an_ending_of_domains() -> None:
    """A name with such an ending would be accepted although it can be registered."""
    assert [ending for ending in ENDINGS.split("|") if harmless_name(f"anna.{ending}")] == []


@given(_SENTENCES, _SENTENCES, st.one_of(phone_numbers(), links(), handles()))
def test_a_contact_is_refused_wherever_it_stands(before: str, after: str, contact: str) -> None:
    """No harmless sentence before or after a generated contact hides it."""
    assert issues_in(f"{before} {contact} {after}", _LONGEST)
    assert issues_in(f"{before}\n{contact}", _LONGEST)


@given(_SENTENCES, st.sampled_from(ATTACKS))
def test_a_known_disguise_is_refused_behind_any_sentence(sentence: str, attack: str) -> None:
    """A disguise of the corpus is refused behind a harmless sentence too."""
    assert issues_in(f"{sentence}\n{attack}", _LONGEST)


_TIMES = st.builds(time, st.integers(0, 23), st.integers(0, 59))
_DAYS = st.dates(date(1950, 1, 1), date(2090, 12, 31))
_TIME_FORMATS = st.sampled_from(["%H:%M", "%H.%M", "%Hh%M"])
_DAY_FORMATS = st.sampled_from(["%d.%m.%Y", "%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%y"])
_DASHES = st.sampled_from(["-", " - ", "\u2013", " \u2013 "])
_UNITS = st.sampled_from(["steps", "km", "people", "pages", "euros"])


@st.composite
def hours(draw: st.DrawFn) -> str:
    """Return opening hours: one or more ranges of times."""
    form, dash = draw(_TIME_FORMATS), draw(_DASHES)
    ends = draw(st.lists(st.tuples(_TIMES, _TIMES), min_size=1, max_size=4))
    return ", ".join(f"{low.strftime(form)}{dash}{high.strftime(form)}" for low, high in ends)


@st.composite
def days(draw: st.DrawFn) -> str:
    """Return a range or a list of dates, or one with a time."""
    form, first = draw(_DAY_FORMATS), draw(_DAYS)
    last = first + timedelta(days=draw(st.integers(1, 300)))
    style = draw(st.sampled_from(["{0}{3}{1}", "{0}, {1}", "{0} {2:%H:%M}", "{0}"]))
    texts = first.strftime(form), last.strftime(form)
    return style.format(*texts, draw(_TIMES), draw(_DASHES))


@st.composite
def amounts(draw: st.DrawFn) -> str:
    """Return a range of numbers in groups of three, of round numbers, or of short ones."""
    low = draw(st.integers(1, 400)) * 50
    high = low + draw(st.integers(1, 200)) * 50
    dash = draw(_DASHES)
    small = draw(st.integers(1, 99))
    grouped = f"{low:,}{dash}{high:,}" if low > 999 else f"{low}{dash}{high:,}"
    short = f"{small}{dash}{small + 10}, {small + 20}{dash}{small + 30}"
    return draw(st.sampled_from([grouped, f"{low}{dash}{high}", short])) + f" {draw(_UNITS)}"


@st.composite
def prices(draw: st.DrawFn) -> str:
    """Return a list of prices or of percentages."""
    cents = draw(st.lists(st.integers(1, 99_999), min_size=1, max_size=5))
    style = draw(st.sampled_from(["${:.2f}", "{:.2f} \u20ac", "\u00a3{:.2f}", "{:.2f}"]))
    return ", ".join(style.format(value / 100) for value in cents)


@st.composite
def lists(draw: st.DrawFn) -> str:
    """Return numbers in order, counting, years in order, grades out of ten, or versions."""
    numbers = sorted(draw(st.sets(st.integers(1, 9_999), min_size=3, max_size=8)))
    years = sorted(draw(st.sets(st.integers(1900, 2060), min_size=2, max_size=6)))
    grades = draw(st.lists(st.integers(0, 10), min_size=1, max_size=6))
    first, length = draw(st.integers(0, 50)), draw(st.integers(5, 12))
    versions = draw(st.lists(st.tuples(*[st.integers(0, 9)] * 3), min_size=1, max_size=4))
    return draw(
        st.sampled_from(
            [
                ", ".join(map(str, numbers)),
                ", ".join(map(str, years)),
                ", ".join(f"{grade}/10" for grade in grades),
                ", ".join(str(first + step) for step in range(length)),
                "-".join(str(first + length - step) for step in range(length)),
                ", ".join(".".join(map(str, version)) for version in versions),
            ]
        )
    )


_BEFORE = st.sampled_from(["", "Open ", "Free most days ", "My list: ", "Between ", "I like "])
_AFTER = st.sampled_from(["", ".", " and more", ", mostly", "!", " or so"])


@given(_BEFORE, st.one_of(hours(), days(), amounts(), prices(), lists()), _AFTER)
def test_a_number_that_is_no_phone_number_passes(before: str, number: str, after: str) -> None:
    """Times, dates, ranges, prices, lists, grades and versions are accepted in any combination."""
    assert issues_in(before + number + after, _LONGEST) == []


@given(st.sampled_from(_FILES), _NAME)
def test_the_name_of_a_file_passes(ending: str, name: str) -> None:
    """A file's name is accepted if its ending is no top-level domain."""
    for text in (f"Ask me about {name}.{ending}", f"I deleted {name}_2.{ending}, twice."):
        assert issues_in(text, _LONGEST) == []


@given(_SENTENCES, _SENTENCES)
def test_harmless_sentences_stay_harmless_together(first: str, second: str) -> None:
    """Two harmless sentences are no contact together, each on a line of its own."""
    assert issues_in(f"{first}\n\n{second}", _LONGEST) == []
