"""The plans of the statements of a session, also inside functions.

They are parsed from what `debug_print_plan` writes, which needs no extension.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TextIO

from flamebot.adapters.postgres.connection import Database, Params
from tests.support.databases import Row, Session

_TOKEN = re.compile(r"[{}()]|(?:\\.|[^\s{}()\\])+")
LARGE = 100_000  # rows
_WATCH = (
    "discard plans; set client_min_messages = log; set debug_pretty_print = off;"
    " set debug_print_plan = on"
)
_REST = "reset debug_print_plan; reset client_min_messages"


@dataclass(slots=True)
class Node:
    """A node of a tree: what it is, and its fields, each with what stands after its name."""

    name: str
    fields: dict[str, list[Any]] = field(default_factory=dict)

    def nodes(self) -> Iterator[Node]:
        """Yield this node and all below it."""
        waiting: list[Any] = [self]
        while waiting:
            one = waiting.pop()
            if isinstance(one, Node):
                yield one
                waiting.extend(one.fields.values())
            elif isinstance(one, list):
                waiting.extend(one)

    def text(self, name: str) -> str:
        """Return a field that is a single word."""
        return str(self.fields[name][0])


def parsed(text: str) -> Node:
    """Read Postgres' own notation: `{NAME :field value}`, lists in parentheses."""
    root: list[Any] = []
    open_lists, open_nodes = [root], []
    named = True
    for token in _TOKEN.findall(text):
        if not named:
            node = Node(token)
            open_lists[-1].append(node)
            open_nodes.append(node)
            open_lists.append([])
            named = True
        elif token == "{":
            named = False
        elif token == "(":
            inner: list[Any] = []
            open_lists[-1].append(inner)
            open_lists.append(inner)
        elif token in "})":
            open_lists.pop()
            if token == "}":
                open_nodes.pop()
        elif token[0] == ":" and open_nodes and len(token) > 1:
            open_lists[-1] = open_nodes[-1].fields[token[1:]] = []
        else:
            open_lists[-1].append(token)
    (tree,) = root
    assert isinstance(tree, Node)
    return tree


class WatchedSession(Database):
    """A session, in the transaction of the test, that keeps the plans of its statements."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.plans: list[tuple[str, str]] = []  # of which statement, and the tree as text

    def call(self, sql: str, params: Params = (), *, repeatable: bool = False) -> list[Row]:
        """Run a statement that is planned anew."""
        del repeatable
        self.session.rows(_WATCH)
        notices: deque[str] = deque()
        self.session.connection.notices = notices  # type: ignore[assignment]  # of a list psycopg2 keeps the last fifty
        try:
            return self.session.rows(sql, params)  # type: ignore[arg-type]  # what the adapters bind
        finally:
            self.plans += [
                (sql, notice[notice.index("{") :])
                for notice in notices
                if notice.startswith("LOG:  plan:")
            ]
            self.session.rows(_REST)

    def copy(self, sql: str, lines: TextIO) -> None:
        """Run a COPY, which has no plan."""
        with self.session.connection.cursor() as cursor:
            cursor.copy_expert(sql, lines)

    def close(self) -> None:
        """The session is the test's."""

    def large_tables(self) -> dict[int, str]:
        """Those of many rows, by what plans call them."""
        rows = self.session.rows(
            "select oid::int8, relname from pg_class where relkind = 'r' and reltuples >= %s",
            (LARGE,),
        )
        return {row["oid"]: row["relname"] for row in rows}


def scanned(plan: str, tables: dict[int, str]) -> list[str]:
    """Which of these tables a plan reads from end to end."""
    if "{SEQSCAN" not in plan:
        return []
    tree = parsed(plan)
    relations = _relations(tree)
    read = [
        relations[int(node.text("scan.scanrelid")) - 1]
        for node in tree.nodes()
        if node.name == "SEQSCAN"
    ]
    return [tables[relation] for relation in read if relation in tables]


def discarding_joins(plan: str, tables: dict[int, str]) -> int:
    """Count the nested loops that pair all rows with all and discard most pairs by a join filter.

    An index or a hash join would avoid them.
    """
    if "{NESTLOOP" not in plan:
        return 0
    tree = parsed(plan)
    relations = _relations(tree)
    loops = [
        node
        for node in tree.nodes()
        if node.name == "NESTLOOP" and node.fields["join.joinqual"] != ["<>"]
    ]
    return sum(not any(_small(side, relations, tables) for side in _sides(loop)) for loop in loops)


def _relations(tree: Node) -> list[int]:
    """The tables that a plan is about, in the order of its references; 0 for what is none."""
    (entries,) = tree.fields["rtable"]
    return [int(entry.text("relid")) if "relid" in entry.fields else 0 for entry in entries]


def _sides(loop: Node) -> Iterator[Node]:
    """Outer and inner, without what only keeps rows between."""
    for name in ("join.plan.lefttree", "join.plan.righttree"):
        side = loop.fields[name][0]
        yield side.fields["plan.lefttree"][0] if side.name == "MATERIAL" else side


def _small(node: Node, relations: list[int], tables: dict[int, str]) -> bool:
    relation = (
        relations[int(node.text("scan.scanrelid")) - 1] if "scan.scanrelid" in node.fields else 0
    )
    return relation > 0 and relation not in tables
