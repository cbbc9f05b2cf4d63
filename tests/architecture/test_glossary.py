"""One idea has one word: older words occur in no name, docstring, comment or page.

`docs/reference/glossary.md` has the words that are used instead.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Each pattern is matched in the whole text of a file: names, strings, docstrings and comments.
OLD = {
    "reclaim": r"\btak(?:e|es|en|ing)[ _-]over\b|\btook over\b|take_over|taken_over|TakeOver",
    "reclaims": r"\breaps\b|reaps_|_reaps\b",
    "maintenance": r"(?i)upkeep|\bkeep_up\b|KeepUp|\btend_|TendImports",
    "delivery id": r"(?i)(?<![a-z])nonces?(?![a-z])",
    "lease (of an import)": r"\bTurn\b|import_turn|\bturn_(?:ended|lost)\b",
    "wake-up message": r"decode_hint|_a_hint_|\bhints\b|\bis a hint\b|\ba hint (?:that|to)\b",
    "schedule time": r"(?i)\bengine[ _]time\b",
    "wall time": r"(?i)\breal[ _]time\b|\breal seconds\b",
    "duplicate delivery": r"(?i)\bdoubled[ _]message",
    "timer, generate": r"['\"]wake['\"]|Phase\.WAKE\b|Phase\.TEXT\b",
    "issue": r"(?i)(?<![a-z])flaws?(?![a-z])|surely_clean",
    "validate, evaluate": r"(?i)(?<![a-z])judge[ds]?(?![a-z])|judgement|judging",
    "response, request, result": r"(?i)(?<![a-z])(?:told|asked)(?![a-z])",
    "SQL function, operation": r"(?i)(?<![a-z])verbs?(?![a-z])",
    "the role: client, operator, test": r"(?i)(?<![a-z])(?:nobody|somebody|whoever)(?![a-z])",
    "definite, answered, at rest": r"(?i)(?<![a-z])settled(?![a-z])",
    "instance snapshot": r"(?i)(?<![a-z])standing(?![a-z])",
    "import admin": r"(?i)importdesk|(?<![a-z])desk(?![a-z])",
    "advance, transition": r"\bArrival\b|\bPassage\b|_Walker\b|domain[./]walk\b",
    "plan context": r"\bSituation\b|taking_back",
    "task random": r"\bDraw\b|domain[./]draw\b|\bdraw\.(?:fraction|integer)\b",
    "call pool": r"\bOutside\(|services[./]outside|\b_Question\b",
    "delivery, loop": r"\bDeliver\(|\bDelivered\b|\bRunChain\b|services[./]deliver\b|run_chain",
    "group commit": r"\bCommitGroup\b|commit_group|\b_insist\b",
    "initial status": r"task_birth|\bbe_born\b",
    "defer": r"(?i)\bput[ _]off\b",
    "queue capacity": r"(?i)(?<![a-z])room(?![a-z])",
    "timeout, backoff": r"(?i)patience",
    "dependency": r"(?i)neighbou?r",
    "on error": r"\b_broke\b|_spare_the_collector|chain_broke|phase_broke|send_broke",
    "abort": r"\bHalt\b|\bhalted\b",
    "new key": r"\bredo\b",
    "crash-safe": r"right under every crash",
    "a document of the repository": (
        r"design section|the contract\b|house\.md|design\.md|contract\.md"
    ),
}
OLD_IN_SQL = r"\b(?:born|won|told|becomes|birth)\b"
ALLOWED = {
    # The nonce of AES-GCM is a term of cryptography.
    "delivery id": {
        "layers/engine/src/flamebot/adapters/kms/vault.py",
        "tests/contracts/test_vault.py",
        "tests/security/test_credentials.py",
        "docs/adr/0006-credentials-under-a-data-key-per-batch.md",
    },
    # `nobody` is a user of Unix, as which a stack started by root runs Postgres; and the texts of a
    # model address people.
    "the role: client, operator, test": {
        "devstack/cluster.py",
        "devstack/postgres.py",
        "tests/integration/test_embedded_postgres.py",
        "tests/security/texts.py",
        "tests/unit/domain/test_text_rules.py",
        "verification/chaos/world.py",
        "verification/mutants/laboratory.py",
    },
    # A contract is what import-linter checks.
    "a document of the repository": {"findings/import-linter-folder-without-init.sh"},
}
SUFFIXES = {
    *(".py", ".sql", ".md", ".yaml", ".yml", ".pml", ".toml", ".json"),
    *(".sh", ".js", ".mjs", ".html", ".css"),
}
THIS = "tests/architecture/test_glossary.py"
GENERATED = ("requirements/", "bench/peers/node/", "layers/engine/requirements")


def _files(own_files: list[Path]) -> list[tuple[str, str]]:
    return [
        (name, path.read_text(encoding="utf-8"))
        for path in own_files
        if path.suffix in SUFFIXES
        and (name := str(path.relative_to(ROOT))) != THIS
        and not name.startswith(GENERATED)
    ]


def _unwrapped(text: str) -> str:
    """Return a text with its lines joined, so that a word pair is found across a line break."""
    return re.sub(r"\s*\n[ \t]*(?:#|--)?[ \t]*", " ", text)


@pytest.mark.parametrize("word", OLD)
def test_an_older_word_occurs_nowhere(word: str, own_files: list[Path]) -> None:
    """The glossary's word is the only one for its idea."""
    pattern = re.compile(OLD[word])
    found = [
        f"{name}: ...{text[max(0, match.start() - 30) : match.end() + 10]}..."
        for name, text in ((name, _unwrapped(text)) for name, text in _files(own_files))
        if name not in ALLOWED.get(word, ())
        for match in pattern.finditer(text)
    ]
    assert found == []


def test_sql_has_no_older_names(own_files: list[Path]) -> None:
    """Common table expressions and variables have names that say what their rows are."""
    found = [
        f"{name}: {match[0]}"
        for name, text in _files(own_files)
        if name.startswith("sql/") and name.endswith(".sql")
        for match in re.finditer(OLD_IN_SQL, text)
    ]
    assert found == []


def test_a_definition_and_an_instance_have_ids_of_their_own(own_files: list[Path]) -> None:
    """No Python name is `workflow_id`: it is `definition_id` or `instance_id`."""
    found = [
        f"{name}:{token.start[0]}"
        for name, text in _files(own_files)
        if name.endswith(".py")
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.NAME and token.string == "workflow_id"
    ]
    assert found == []


def test_no_docstring_is_too_short_to_be_read_alone(own_files: list[Path]) -> None:
    """A docstring has more than 24 characters."""
    short = [
        f"{name}:{node.lineno if hasattr(node, 'lineno') else 1}: {text}"
        for name, source in _files(own_files)
        if name.endswith(".py")
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and (text := ast.get_docstring(node)) is not None
        and len(text) <= 24
    ]
    assert short == []


def test_less_than_one_line_in_a_hundred_is_longer_than_100_columns(own_files: list[Path]) -> None:
    """Lines of Python and SQL have at most 100 columns, with few exceptions."""
    lines = [
        line
        for name, text in _files(own_files)
        if name.endswith((".py", ".sql"))
        for line in text.splitlines()
    ]
    assert sum(len(line) > 100 for line in lines) / len(lines) < 0.01


def _prose(name: str, text: str) -> list[str]:
    """Return the lines of a page outside tables and code, or a file's comment lines."""
    if name.endswith(".md"):
        text = re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
        return [line for line in text.splitlines() if not line.lstrip().startswith("|")]
    return [line for line in text.splitlines() if line.lstrip().startswith("#")]


def _breakable(line: str) -> bool:
    """Return whether a line has more than a list marker and one word or link."""
    words = re.sub(r"\[[^]]*\]\([^)]*\)", "link", line).split()
    return len([word for word in words if re.search(r"\w", word)]) > 1


def test_no_line_of_prose_is_longer_than_100_columns(own_files: list[Path]) -> None:
    """Pages and the comments of YAML and TOML files wrap at 100 columns; tables and code do not."""
    long = [
        f"{name}: {line}"
        for name, text in _files(own_files)
        if name.endswith((".md", ".yaml", ".yml", ".toml"))
        for line in _prose(name, text)
        if len(line) > 100 and _breakable(line)
    ]
    assert long == []


def test_the_engine_has_comments_where_it_is_hard() -> None:
    """At least 2.5 % of the engine's lines are comments."""
    lines = [
        line
        for path in (ROOT / "layers" / "engine" / "src").rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    assert sum(line.lstrip().startswith("#") for line in lines) / len(lines) >= 0.025
