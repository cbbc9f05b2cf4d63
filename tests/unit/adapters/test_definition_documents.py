"""YAML 1.2 and JSON of definition files: values, positions, and all that JSON cannot hold."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from flamebot.adapters.definition_files.reader import LARGEST_FILE, read_definition_file
from flamebot.adapters.definition_files.tree import Unreadable
from flamebot.adapters.definition_files.writer import write_yaml
from flamebot.domain.storable import unstorable
from flamebot.http.documents import parse
from verification.fuzz.documents import definitions, spoiled


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the cases of a property share."""
    return tmp_path_factory.mktemp("definitions")


def read(folder: Path, text: str | bytes, name: str = "a.yaml") -> Any:
    """Read a text as a file of this name."""
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_definition_file(path).document


def issues(folder: Path, text: str | bytes, name: str = "a.yaml") -> list[tuple[str, str]]:
    """Return the positions and details of a file's issues."""
    with pytest.raises(Unreadable) as caught:
        read(folder, text, name)
    return [(str(issue.position), issue.detail) for issue in caught.value.issues]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("yes", "yes"),
        ("No", "No"),
        ("on", "on"),
        ("OFF", "OFF"),
        ("y", "y"),
        ("true", True),
        ("TRUE", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("'null'", "null"),
        ("10", 10),
        ("-0", 0),
        ("+5", 5),
        ("0o10", 8),
        ("0x1F", 31),
        ("0b11", "0b11"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("1:30:00", "1:30:00"),
        ("190:20:30.15", "190:20:30.15"),
        ("1e3", 1000.0),
        ("5.0", 5.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("1.5.5", "1.5.5"),
        ("'010'", "010"),
        ("2026-11-30", "2026-11-30"),
        ("2026-11-30T10:00:00Z", "2026-11-30T10:00:00Z"),
        ("=", "="),
        ("a\u2028b\x85c", "a\u2028b\x85c"),
        ('"a\u2028b"', "a\u2028b"),
        (r'"\ud83d\ude00\/"', "\U0001f600/"),
        ("9223372036854775807", 2**63 - 1),
        ("0.12345678901234568", 0.12345678901234568),
        ("1.00000000000000000000", 1.0),
        ("123456789012345.6", 123456789012345.6),
        ("{<: 1, '<<': 2}", {"<": 1, "<<": 2}),
        ("{on: 1, no: 2, yes: 3, =: 4, 1:30: 5}", {"on": 1, "no": 2, "yes": 3, "=": 4, "1:30": 5}),
        ("[&a {b: 1}, *a]", [{"b": 1}, {"b": 1}]),
        ("[? a]", [{"a": None}]),
    ],
)
def test_yaml_has_the_core_schema_of_1_2(folder: Path, written: str, value: Any) -> None:
    """Only true, false, null, integers and decimals are no texts."""
    found = read(folder, f"x: {written}\n")["x"]
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(
    ("text", "position", "detail"),
    [
        ("x: 010", "1:4", "leading zeros"),
        ("x: -007", "1:4", "leading zeros"),
        ("x: .nan", "1:4", "JSON has no number .nan."),
        ("x:\n  - -.INF", "2:5", "JSON has no number -.INF."),
        ("x: 1e400", "1:4", "too large"),
        ("x: " + "9" * 5000, "1:4", "too large"),
        ("x: 0x" + "f" * 5000, "1:4", "too large"),
        ("x: 0.1234567890123456789", "1:4", "more digits than can be kept"),
        ("x: 9007199254740993.0", "1:4", "more digits than can be kept"),
        ("x: 1e-400", "1:4", "more digits than can be kept"),
        ("x: !!binary aGk=", "1:4", "tag !!binary"),
        ("x: !!set {a, b}", "1:4", "tag !!set"),
        ("x: !!timestamp 2026-11-30", "1:4", "tag !!timestamp"),
        ("x: !!python/object:os.system x", "1:4", "tag !!python"),
        ("x: ! 12", "1:4", "tag !"),
        ("x: !mine [1]", "1:4", "tag !mine"),
        ("1: x", "1:1", "name of a field is a text"),
        ("x: {true: 1}", "1:5", "name of a field is a text"),
        ("x: {~: 1}", "1:5", "name of a field is a text"),
        ("? [a]\n: b", "1:3", "name of a field is a text"),
        ("a: 1\nb:\n  a: 1\na: 2", "4:1", 'Repeats the name "a"; line 1'),
        ("<<: {a: 1}", "1:1", "no merge key"),
        ("a: &x [*x]", "1:8", "a part of itself"),
        ("a: &x {b: {c: *x}}", "1:15", "a part of itself"),
        ("a: *b", "1:4", "no anchor &b"),
        ("a: &b 1\nc: &b 2", "2:4", "&b is there already"),
        ("%YAML 1.1\n---\na: 1", "1:1", "YAML 1.1"),
        ("%YAML 1." + "9" * 5000 + "\n---\na: 1", "1:9", "not YAML"),
        ("a: 1\n---\nb: 1", "2:1", "a second one begins"),
        ("a:\n\tb: 1", "2:1", "does not allow a tab"),
        ("a: [?b]", "1:5", "not YAML"),
        ("a: [:b]", "1:5", "not YAML"),
        ('a: "\\UFFFFFFFF"', "1:7", "not YAML"),
        ('a: "\\U00110000"', "1:7", "not YAML"),
        ('a: "\\ud800"', "1:4", "half of a surrogate pair"),
        ('a: "\\0"', "1:4", "NUL"),
        ("a: b\nc: \x07", "2:4", "U+0007"),
        ("a: [", "1:5", "not YAML"),
        ("a: 'x", "1:6", "not YAML: while scanning a quoted scalar"),
        ("[" * 5000, "1:34", "more than 32 levels"),
        ("x: " * 40, "1:5", "not YAML"),
        ("{x: " * 40, "1:130", "more than 32 levels"),
        ("", "1:1", "no definition"),
        ("# nothing", "1:1", "no definition"),
        ("- a", "1:1", "no definition"),
        (b"a: 1\nb: \xe9", "2:4", "not in UTF-8"),
        ("a: 1".encode("utf-16"), "1:1", "not in UTF-8"),
        (b"a: 1" + b" " * LARGEST_FILE, "1:1", "at most 512 KB"),
    ],
)
def test_what_json_cannot_hold_is_an_issue_of_yaml(
    folder: Path, text: str | bytes, position: str, detail: str
) -> None:
    """Each issue has line and column, and a sentence."""
    found = issues(folder, text)
    assert found[0][0] == position
    assert detail in found[0][1]
    assert all(sentence.endswith((".", "?")) for _, sentence in found)


@pytest.mark.parametrize(
    ("text", "position", "detail"),
    [
        ('{"a": NaN}', "1:7", "NaN is not JSON."),
        ('{\n\t"a": [1, {"b": -Infinity}]\n}', "2:17", "-Infinity is not JSON."),
        ('{"a": 1,\n "a": 2}', "2:2", 'Repeats the name "a"; line 1'),
        ('{"a": "\\ud800"}', "1:7", "half of a surrogate pair"),
        ('{"\\u0000": 1}', "1:2", "NUL"),
        ('{"a": 1e400}', "1:7", "too large"),
        ('{"a": ' + "9" * 5000 + "}", "1:7", "too large"),
        ('{"a": 1.00000000000000000001}', "1:7", "more digits than can be kept"),
        ('{"a": 01}', "1:8", "not JSON"),
        ('{"a": 1} x', "1:10", "not JSON: Extra data."),
        ("{'a': 1}", "1:2", "not JSON"),
        ("a: 1", "1:1", "not JSON"),
        ('{"a": "\x01"}', "1:8", "not JSON"),
        ('{"a": "', "1:7", "not JSON"),
        ('{"a": ' + "[" * 100_000, "1:39", "more than 32 levels"),
        ('{"a":' * 40 + "1" + "}" * 40, "1:166", "more than 32 levels"),
        ("[1]", "1:1", "no definition"),
        ("", "1:1", "not JSON"),
    ],
)
def test_what_is_no_json_is_an_issue_of_a_json_file(
    folder: Path, text: str, position: str, detail: str
) -> None:
    """Each issue has line and column; Python's own parser accepts the first three."""
    found = issues(folder, text, "a.json")
    assert found[0][0] == position
    assert detail in found[0][1]


def test_json_is_read_as_json(folder: Path) -> None:
    """Escapes, exponents, tabs and a byte order mark, whatever the case of the file's name."""
    text = '\ufeff{\n\t"a": "\\ud83d\\ude00",\t"b": 1e-3, "c": 1E3, "d": "yes", "e": "\u2028"}\r\n'
    document = {"a": "\U0001f600", "b": 0.001, "c": 1000.0, "d": "yes", "e": "\u2028"}
    assert read(folder, text, "a.JSON") == document


def test_all_issues_are_listed_at_once_up_to_twenty(folder: Path) -> None:
    """An issue does not hide those after it."""
    text = "a: 010\nb: !x y\n1: 2\na: 3\n"
    assert [place for place, _ in issues(folder, text)] == ["1:4", "2:4", "3:1", "4:1"]
    assert len(issues(folder, "a: [" + "010, " * 1000 + "]")) == 20


def test_issues_have_pointers(folder: Path) -> None:
    """The pointer is that of the value, also within lists."""
    with pytest.raises(Unreadable) as caught:
        read(folder, "a: 010\nb: [1, {c/d: [.nan]}]\n")
    assert [issue.pointer for issue in caught.value.issues] == ["/a", "/b/1/c~1d/0"]


@pytest.mark.parametrize("name", ["a.yaml", "a.json"])
def test_a_pointer_has_its_position(folder: Path, name: str) -> None:
    """A value has its own position; what is not there has that of its nearest parent."""
    path = folder / name
    path.write_text('{"a/b": [1,\n  {"c": true}],\n "d": {}}')
    file = read_definition_file(path)
    pointers = ["", "/a~1b", "/a~1b/1/c", "/a~1b/1/x/y", "/a~1b/7", "/d/e", "/a~1b/c"]
    positions = ["1:1", "1:9", "2:9", "2:3", "1:9", "3:7", "1:9"]
    assert [str(file.position(pointer)) for pointer in pointers] == positions


def test_aliases_multiply_up_to_the_size_of_a_definition(folder: Path) -> None:
    """An alias counts each time: a bomb of nine levels is refused before it is unfolded."""
    levels = "".join(
        f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    began = time.perf_counter()
    found = issues(folder, "a: &a [lol, lol, lol, lol]\n" + levels)
    assert found[-1][1] == "A definition has at most 256 KB of JSON."
    assert time.perf_counter() - began < 2
    assert issues(folder, f"a: &a {'x' * 100_000}\nb: [*a, *a]\n")[0][0] == "2:9"


def test_aliases_nest_as_deep_as_what_they_stand_for(folder: Path) -> None:
    """A list in a list in a list, each by an alias, has a limit too."""

    def levels(number: int) -> str:
        return "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, number))

    assert len(read(folder, levels(31))) == 31
    assert issues(folder, levels(32)) == [("32:12", "Nested more than 32 levels deep.")]


@pytest.mark.parametrize("name", ["a.json", "a.yaml"])
def test_a_value_counts_once_however_deep_it_is(folder: Path, name: str) -> None:
    """The size is that of the document."""
    text = '{"a": [[[[[["' + "x" * 200_000 + '"]]]]]], "b": 1}'
    assert read(folder, text, name)["b"] == 1
    assert issues(folder, text.replace("x", "xx"), name)[0][1].startswith(
        "A definition has at most"
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", '{"a": ' + '\\"' * 200_000 + "\\"),
        ("a.json", '"' * 400_000),
        ("a.json", '{"a": [' + "1e5," * 60_000),
        ("a.yaml", "[" * 400_000),
        ("a.yaml", "[" + "a, " * 40_000),
        ("a.yaml", "a: &a 1\nb: [" + "*a, " * 40_000),
        ("a.yaml", "{a: 'x" * 50_000),
        ("a.yaml", "? " * 200_000),
    ],
)
def test_a_file_of_any_kind_is_refused_in_time(folder: Path, name: str, text: str) -> None:
    """The time grows with the size, and the size has a limit."""
    began = time.perf_counter()
    assert issues(folder, text, name)
    assert time.perf_counter() - began < 20


@given(st.one_of(definitions(), spoiled(definitions())))
def test_a_document_is_the_same_by_file_and_by_request(folder: Path, document: Any) -> None:
    """JSON file, YAML file and HTTP body give the same document, if JSON can hold it."""
    if not isinstance(document, dict) or unstorable(document):
        return
    text = json.dumps(document)
    assert parse(text.encode()) == document
    written = [
        ("a.json", text),
        ("a.json", json.dumps(document, indent="\t", ensure_ascii=False)),
        ("a.yaml", write_yaml(document)),
        ("a.yaml", yaml.dump(document, Dumper=_Quoted, sort_keys=False)),
        ("a.yaml", text),
    ]
    for name, spelled in written:
        found = read(folder, spelled, name)
        assert json.dumps(found) == text, spelled


class _Quoted(yaml.SafeDumper):
    """Writes every text in double quotes, and every other value plain."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_scalar(self, tag: str, value: str, style: str | None = None) -> Any:
        style = '"' if tag == "tag:yaml.org,2002:str" else style
        return super().represent_scalar(tag, value, style=style)


AMBIGUOUS = [
    *("yes", "no", "on", "off", "y", "n", "true", "null", "~", "010", "0o10", "0x1F", "0b1"),
    *("1_000", "1:30", "1e3", "1.5", ".5", "5.", "+5", "-0", ".inf", ".nan", "2026-11-30", "<<"),
    *("=", "-", "?", "[a]", "#x", "'x'", "*a", "&a", "!x", "%x", "@x", "12e03", "1.e+1", "''"),
    *("0.1e1", "1e-2", "\x85", "a\u2028", "\u2029b"),
]


@given(st.sampled_from(AMBIGUOUS) | st.text(max_size=12))
def test_what_is_written_as_yaml_is_read_again(folder: Path, text: str) -> None:
    """`definitions show` writes a text that both versions of YAML read as the same text."""
    document = {"a": text, text: [text]}
    if unstorable(document):
        return
    written = write_yaml(document)
    assert read(folder, written) == document
    assert yaml.safe_load(written) == document


PIECES = st.lists(
    st.sampled_from(
        [
            *AMBIGUOUS,
            *(
                ": ",
                "\n",
                "  ",
                "- ",
                "{",
                "}",
                "[",
                "]",
                ", ",
                '"',
                "'",
                "|\n",
                ">-\n",
                "&a ",
                "*a",
            ),
            *("!!str ", "? ", "---\n", "...\n", "%YAML 1.2\n", "\t", "\x85", "\u2028", "\ufeff"),
            *('"\\u12', '"\\ud83d"', "a", "steps", "#", "\r", "\\"),
        ]
    ),
    max_size=30,
).map("".join)


@given(PIECES | st.text(max_size=40) | st.binary(max_size=40))
def test_any_text_is_read_or_has_issues(folder: Path, text: str | bytes) -> None:
    """No file ends in another exception, and what is read can be written as JSON."""
    content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    for name in ("a.yaml", "a.json"):
        try:
            document = read(folder, content, name)
        except Unreadable as error:
            found = error.issues
        else:
            found = []
            assert isinstance(document, dict)
            assert unstorable(json.loads(json.dumps(document, allow_nan=False))) == unstorable(
                document
            )
        for issue in found:
            assert min(issue.position.line, issue.position.column) >= 1
            assert issue.detail.endswith((".", "?")), issue
            issue.detail.encode()


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 400))
def test_a_number_keeps_its_value_or_is_refused(folder: Path, number: float, more: int) -> None:
    """As many digits as a float has are kept; further ones that change the number are refused."""
    for name in ("a.json", "a.yaml"):
        assert read(folder, f'{{"a": {number!r}}}', name) == {"a": number}
    digits = f"0.1{'0' * more}1"
    if more < 14:
        assert read(folder, f'{{"a": {digits}}}', "a.json") == {"a": float(digits)}
    elif more > 16:
        assert "more digits" in issues(folder, f'{{"a": {digits}}}', "a.json")[0][1]
    assert math.isfinite(number)
