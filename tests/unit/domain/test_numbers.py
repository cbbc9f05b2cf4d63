"""Numbers: whole ones in any spelling are integers, and no digit is lost without a word."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from flamebot.actions.registry import REGISTRY
from flamebot.actions.schema import definition_schema
from flamebot.adapters.actions_api.responses import job_id
from flamebot.domain.document import bind_definition, read_definition
from flamebot.domain.errors import IdempotencyKeyReused, ResponseUnreadable
from flamebot.domain.ids import DefinitionId
from flamebot.domain.numbers import Inexact, decimal, whole, whole_number
from flamebot.domain.storable import unstorable
from flamebot.domain.strict_json import NotJson, parse_json
from flamebot.http import import_schemas, request_schemas
from flamebot.http.documents import parse
from flamebot.http.wire import RequestModel
from flamebot.services.imports.idempotency import new_record, same_request
from flamebot.services.imports.validate import validate_rows
from tests.unit.domain.builders import POLICY, a_document, a_goto, a_swipe, a_wait


@pytest.mark.parametrize("written", ["5", "5.0", "5e0", "50e-1", "0.5e1", "5.000000000000000000"])
def test_a_whole_number_is_one_in_every_spelling(written: str) -> None:
    """JSON has one type of numbers: 5.0 is accepted wherever 5 is."""
    document = json.loads(
        json.dumps(
            a_document(
                a_wait(delay="N"),
                a_swipe("a", swipeCount="N", maxAttempts="N"),
                {"id": "b", "action": "swipe_with_spectre", "minSwipes": "N", "maxSwipes": "N"},
                a_swipe("c", swipeCount={"min": "N", "max": "N"}, delay={"min": "N", "max": "N"}),
                a_goto("a", delay="N", maxIterations="N"),
                config={"maxRetries": "N", "retryBackoffMs": "N", "maxRetryDelayMs": "N"},
            )
        ).replace('"N"', written)
    )
    definition, issues = read_definition(document, REGISTRY, POLICY)
    assert (issues, definition and definition.retry.max_attempts) == ([], 6)
    jsonschema.validate(document, definition_schema())
    bind_definition({**document, "version": 1}, REGISTRY, POLICY, DefinitionId(1))


@pytest.mark.parametrize("number", [5.5, True, "5", 1e300, Inexact("5")])
def test_what_is_no_whole_number_is_refused(number: object) -> None:
    """Each field says so in words; a boolean is no number."""
    steps = [
        a_swipe("a", swipeCount=number, maxAttempts=number),
        {"id": "b", "action": "swipe_with_spectre", "minSwipes": number, "maxSwipes": 300},
        a_goto("a", delay=1, maxIterations=number),
    ]
    pointers = ["/steps/0/maxAttempts", "/steps/0/swipeCount", "/steps/1/minSwipes"]
    document = a_document(*steps, config={"maxRetries": number})
    issues = read_definition(document, REGISTRY, POLICY)[1]
    if number == 1e300 or isinstance(number, Inexact):  # refused before any field is read
        assert len(issues) == 5
        return
    found = {issue.pointer: issue.detail for issue in issues}
    assert sorted(found) == sorted(["/config/maxRetries", *pointers, "/steps/2/maxIterations"])
    assert all("whole number" in detail for detail in found.values())


def models(base: type[BaseModel]) -> list[type[BaseModel]]:
    """Return every model below a base."""
    return [*base.__subclasses__(), *(m for one in base.__subclasses__() for m in models(one))]


REQUESTS = [
    (model, field.alias or name)
    for model in models(RequestModel)
    for name, field in model.model_fields.items()
    if "int" in str(field.annotation)
]


@pytest.mark.parametrize(("model", "field"), REQUESTS)
def test_every_whole_number_of_a_request_may_have_a_point(
    model: type[BaseModel], field: str
) -> None:
    """Its model takes 5.0, and refuses 5.5 and true."""
    assert {request_schemas.ImportRequest, import_schemas.FileImportRequest} <= {
        model for model, _ in REQUESTS
    }
    rest = {"accounts": [{}], "bytes": 7}
    known = {name: value for name, value in rest.items() if name in _aliases(model)}
    assert model.model_validate({**known, field: 5.0}).model_dump(by_alias=True)[field] == 5
    for bad in (5.5, True, "5", Inexact("5.00000000000000000001")):
        with pytest.raises(ValidationError):
            model.model_validate({**known, field: bad})


def _aliases(model: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


@pytest.mark.parametrize(
    ("given_id", "used"), [(5, "5"), (5.0, "5"), (1e15, "1000000000000000"), (2**60, str(2**60))]
)
def test_a_services_number_is_its_jobs_id(given_id: float, used: str) -> None:
    """A service that counts in floats names the same job."""
    assert job_id({"taskId": given_id}) == used


@pytest.mark.parametrize("given_id", [5.5, 1e16, 1e300, True])
def test_a_number_that_names_no_one_job_is_refused(given_id: float) -> None:
    """Beyond 2^53 a float stands for several numbers."""
    with pytest.raises(ResponseUnreadable):
        job_id({"taskId": given_id})


@pytest.mark.parametrize(
    "text",
    [
        *("0.1", "1e3", "-0.0", "5e-324", "1.7976931348623157e308", "1.00000000000000000", "1e-5"),
        *("123456789012345.6", "0.12345678901234568", "0e999999999", "100000000000000000000.0"),
    ],
)
def test_a_decimal_that_a_float_has_is_kept(text: str) -> None:
    """Digits that change nothing do not matter."""
    assert decimal(text) == float(text)


@pytest.mark.parametrize(
    "text",
    [
        *("0.12345678901234567", "9007199254740993.0", "1e-400", "1e-99999999999999999999"),
        *("3.14159265358979323846", "0." + "0" * 400 + "1"),
    ],
)
def test_a_decimal_that_a_float_would_change_is_refused(text: str) -> None:
    """Definitions, rows by request and rows by file say so instead of rounding."""
    assert decimal(text) == Inexact(text)
    assert text not in repr(decimal(text))
    document = parse(f'{{"steps": [{{"spectre": {{"x": {text}}}}}]}}'.encode())
    (issue,) = unstorable(document)
    assert (issue.pointer, "more digits" in issue.detail) == ("/steps/0/spectre/x", True)
    rows = parse(
        f'[{{"accountId": "a", "config": {{"x": [{text}]}}}}, {{"accountId": "b"}}]'.encode()
    )
    bad, good = validate_rows(rows)
    assert [(i.pointer, "more digits" in i.detail) for i in bad.issues] == [
        ("/accounts/0/config/x/0", True)
    ]
    assert good.valid
    with pytest.raises(NotJson, match="more digits"):
        parse_json(f"[{text}]")


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_no_decimal_is_changed(number: Decimal) -> None:
    """What is read stands for the same number, or is marked."""
    text = f"{number:e}"
    found = decimal(text)
    if isinstance(found, float) and abs(found) != float("inf"):
        assert Decimal(repr(found)) == number


def test_a_repeated_request_differs_in_digits_that_no_float_has() -> None:
    """An idempotency key protects the document as it was sent."""
    first, second = (parse(b'{"x": 0.1000000000000000000%d}' % last) for last in (1, 2))
    record: Any = new_record("p", "k", first, {})
    same_request(record, first)
    with pytest.raises(IdempotencyKeyReused):
        same_request(record, second)


@given(st.floats() | st.integers() | st.booleans() | st.none() | st.text(max_size=3))
def test_only_floats_without_a_fraction_change(value: Any) -> None:
    """And those to an equal integer."""
    found = whole(value)
    assert found is value or (isinstance(found, int) and found == value)
    assert whole_number(value) is None or whole_number(value) == value
