"""Intrinsic functions come to what CloudFormation makes of them, or to UNKNOWN."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from devstack.aws.cloudformation import UNKNOWN, Values, read_document

TEMPLATE = """
Parameters:
  Stage: {Type: String, Default: dev}
  Empty: {Type: String, Default: ""}
Conditions:
  IsDev: !Equals [!Ref Stage, dev]
  IsEmpty: !Equals [!Ref Empty, ""]
  Neither: !And [!Not [!Condition IsDev], !Condition IsEmpty]
  Either: !Or [!Condition IsDev, !Equals [!GetAtt Database.Endpoint.Address, x]]
  Unclear: !Equals [!GetAtt Database.Endpoint.Address, x]
Mappings:
  Sizes: {dev: {small: db.t4g.micro}}
Values:
  ref: !Ref Stage
  missing: !Ref Database
  attribute: !GetAtt Queue.Arn
  deep: !GetAtt Database.Endpoint.Address
  text: !Sub "${Stage}-${Queue.Arn}-${!literal}"
  unknown_text: !Sub "${Database}-x"
  with_variables: !Sub ["${Name}/${Stage}", {Name: !Ref Stage}]
  chosen: !If [IsDev, small, large]
  other: !If [Neither, small, large]
  either: !If [Either, yes-it-is, no]
  unclear: !If [Unclear, a, b]
  gone: !If [IsDev, !Ref AWS::NoValue, x]
  joined: !Join ["/", [a, !Ref Stage]]
  picked: !Select [1, !Split [":", "a:b:c"]]
  mapped: !FindInMap [Sizes, !Ref Stage, small]
  zones: !GetAZs ""
  list: [!Ref Stage, !Ref AWS::NoValue, plain]
"""


@pytest.fixture
def values(tmp_path: Path) -> dict[str, Any]:
    """What the values above come to."""
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE)
    document = read_document(path)
    resolved: dict[str, Any] = Values(document, {"Queue.Arn": "arn:q"}).of(document["Values"])
    return resolved


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ref", "dev"),
        ("missing", UNKNOWN),
        ("attribute", "arn:q"),
        ("deep", UNKNOWN),
        ("text", "dev-arn:q-${literal}"),
        ("unknown_text", UNKNOWN),
        ("with_variables", "dev/dev"),
        ("chosen", "small"),
        ("other", "large"),
        ("either", "yes-it-is"),
        ("unclear", UNKNOWN),
        ("joined", "a/dev"),
        ("picked", "b"),
        ("mapped", "db.t4g.micro"),
        ("zones", UNKNOWN),
        ("list", ["dev", "plain"]),
    ],
)
def test_functions_have_values(values: dict[str, Any], name: str, value: object) -> None:
    """Each function comes to its value; what only a deployment knows stays unknown."""
    assert values[name] == value


def test_no_value_is_no_property(values: dict[str, Any]) -> None:
    """AWS::NoValue takes the property away."""
    assert "gone" not in values
