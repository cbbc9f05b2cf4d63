"""Control: input cannot choose the target of a call.

Only configured services are connected to or looked up.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from flamebot.actions.schema import definition_schema
from flamebot.adapters.openai_writer.writer import OpenAiWriter
from flamebot.domain.ids import AccountId
from flamebot.domain.instance import AccountData
from flamebot.ports.admin_store import AccountRow
from flamebot.ports.vault import Secret
from flamebot.services.workflows.start import start_row
from tests.contracts.misbehaving import misbehaving
from tests.integration.services.engine import TESTER, Engine
from tests.security.described import OPENAPI
from tests.security.test_hostile_writer import says
from tests.security.watching import connections

LIKE_AN_ADDRESS = re.compile(
    r"ur[il]|host|address|endpoint|callback|webhook|proxy|redirect|origin|server|target",
    re.IGNORECASE,
)
TARGETS = (
    "http://169.254.169.254/latest/meta-data/",
    "http://127.0.0.1:9/",
    "http://2130706433/",
    "http://0x7f.1/",
    "http://017700000001/",
    "http://[::ffff:169.254.169.254]/",
    "http://[fd00:ec2::254]/",
    "http://localhost:9001/2018-06-01/runtime/invocation/next",
    "https://user@evil.example:8443/#@actions.example",
    "//evil.example/x",
    "evil.example",
    "file:///proc/self/environ",
    "gopher://127.0.0.1:5432/_x",
    "http://evil.example\r\nHost: other",
    "..//evil.example",
    "@evil.example",
)


def names_in(schema: Any) -> set[str]:
    """Return every member's name in a schema, at any depth."""
    if isinstance(schema, dict):
        own = (
            set(schema.get("properties", {}))
            if isinstance(schema.get("properties"), dict)
            else set()
        )
        return own.union(*map(names_in, schema.values()))
    return set().union(*map(names_in, schema)) if isinstance(schema, list) else set()


def formats_in(schema: Any) -> set[str]:
    """Return every format in a schema."""
    if isinstance(schema, dict):
        own = {schema["format"]} if isinstance(schema.get("format"), str) else set()
        return own.union(*map(formats_in, schema.values()))
    return set().union(*map(formats_in, schema)) if isinstance(schema, list) else set()


def test_no_field_is_made_for_an_address() -> None:
    """S20: no field of any body has a name or format for an address."""
    bodies = (
        "AccountInput",
        "ImportRequest",
        "StartRequest",
        "ControlRequest",
        "ResumeRequest",
        "DefinitionDocument",
        "DefinitionDraft",
    )
    schemas = [definition_schema(), *(OPENAPI["components"]["schemas"][body] for body in bodies)]
    names = set().union(*map(names_in, schemas))
    assert len(names) > 25, "else nothing was looked at"
    assert {name for name in names if LIKE_AN_ADDRESS.search(name)} == set()
    assert (
        set().union(*map(formats_in, schemas))
        & {"uri", "url", "hostname", "ipv4", "ipv6", "iri", "uri-reference"}
        == set()
    )


def free_fields(value: str) -> dict[str, Any]:
    """Return what an importer may write freely, all of it this value."""
    return dict.fromkeys(
        (
            "url",
            "proxy",
            "baseUrl",
            "callback",
            "host",
            "actionsUrl",
            "ACTIONS_BASE_URL",
            "OPENAI_BASE_URL",
        ),
        value,
    )


@pytest.mark.parametrize("target", TARGETS)
def test_addresses_in_every_field_are_only_text(
    engine: Engine, aws_endpoint: str, target: str
) -> None:
    """S19, S20: addresses in every field are text, and only the services are connected to."""
    plain = "".join(character for character in target if character.isprintable())
    engine.define(
        {
            "id": "prompt",
            "action": "add_prompt",
            "model": plain,
            "channel": plain,
            "description": plain,
        },
        {"id": "bio", "action": "add_bio"},
        {
            "id": "swipe",
            "action": "swipe_with_spectre",
            "swipeCount": 1,
            "spectre": free_fields(plain),
        },
    )
    (version,) = engine.control.reserve_credentials_versions(1)
    (sealed,) = engine.vault.encrypt(
        [Secret(account_id="acc", version=version, credentials=free_fields(target))]
    )
    account = AccountRow(
        account_id="acc",
        model_id=plain,
        channel_id=plain,
        config=free_fields(plain),
        version=version,
        ciphertext=sealed,
    )
    engine.control.import_accounts([account], [], None, TESTER)
    with misbehaving(says("A walk and a book.")) as ai, connections() as seen:

        def wrap(name: str, port: Any) -> Any:
            if name != "writer":
                return port
            return OpenAiWriter(
                lambda: "k", base_url=ai.url, model="m", timeout=timedelta(seconds=10)
            )

        data = AccountData(
            account_id=AccountId("acc"), model_id=plain, channel_id=plain, config=free_fields(plain)
        )
        row = start_row(engine.catalog().current("flow"), data, engine.clock.now())
        (started,) = engine.control.start_workflows([row], TESTER)
        engine.send([started.send] if started.send else [])
        engine.drive(engine.ended(row.instance_id), runner=engine.step(wrap=wrap))
        allowed = {
            ("127.0.0.1", int(url.rpartition(":")[2]))
            for url in (ai.url, engine.actions.url, aws_endpoint)
        }
    assert engine.status(row.instance_id) == "completed"
    assert engine.effects() == ["updatePrompt", "updateBio", "startSwipeTask"]
    assert seen <= allowed, seen - allowed
    assert ("127.0.0.1", int(engine.actions.url.rpartition(":")[2])) in seen
