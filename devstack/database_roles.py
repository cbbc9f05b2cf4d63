"""The database roles of the functions on this machine, each with a password of its own."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable, Mapping

import psycopg2
import psycopg2.extensions
from psycopg2 import sql

from devstack.aws.template import FunctionSpec


def role_passwords(owner_url: str, functions: Iterable[FunctionSpec]) -> dict[str, str]:
    """Return a password for each database role that a function uses.

    A password is derived from the owner's, which is random, so that it cannot be guessed. Two
    stacks on one server derive the same passwords, because roles belong to the server.
    """
    owner = psycopg2.extensions.parse_dsn(owner_url).get("password") or secrets.token_urlsafe(24)
    names = {spec.environment.get("DB_USER") for spec in functions}
    return {
        name: hmac.digest(owner.encode(), name.encode(), "sha256").hex() for name in names if name
    }


def role_url(owner_url: str, role: str, password: str) -> str:
    """Return the connection string of the owner's database for another role."""
    return psycopg2.extensions.make_dsn(owner_url, user=role, password=password)


def set_passwords(owner_url: str, passwords: Mapping[str, str]) -> None:
    """Give each role its password, so that the functions can connect."""
    connection = psycopg2.connect(owner_url)
    try:
        with connection, connection.cursor() as cursor:
            for role, password in passwords.items():
                cursor.execute(
                    sql.SQL("alter role {} password {}").format(
                        sql.Identifier(role), sql.Literal(password)
                    )
                )
    finally:
        connection.close()
