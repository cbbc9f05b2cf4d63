"""The stores have one shape: a method that calls an SQL function has the function's name."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ADAPTERS = ROOT / "layers" / "engine" / "src" / "flamebot" / "adapters" / "postgres"
PORTS = ROOT / "layers" / "engine" / "src" / "flamebot" / "ports"
FUNCTIONS = {path.stem for path in (ROOT / "sql" / "functions").glob("*.sql")}
# Adapter module to the module of its port.
STORES = {
    "admin_store": "admin_store",
    "engine_store": "engine_store",
    "imports": "import_store",
    "maintenance_store": "maintenance_store",
    "read_store": "read_store",
}
SHARED = "shared_calls"  # a base of two stores
# Deployment, and the port of the account locks, which has an adapter on DynamoDB too.
OTHERS = {"locks", "migrations"}
_CALL = re.compile(r"\b(\w+)\(")


def _texts(node: ast.AST, constants: dict[str, str]) -> str:
    """Return the strings in a piece of code, with those of the module constants that it names."""
    parts = []
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            parts.append(part.value)
        elif isinstance(part, ast.Name):
            parts.append(constants.get(part.id, ""))
    return " ".join(parts)


def _methods(path: Path) -> dict[str, list[tuple[str, set[str]]]]:
    """Return each class with its methods and the SQL functions that each of them calls.

    The methods of a shared base are included.
    """
    module = ast.parse(path.read_text())
    shared = _methods(ADAPTERS / f"{SHARED}.py") if path.stem != SHARED else {}
    constants: dict[str, str] = {}
    for node in module.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            constants[node.targets[0].id] = _texts(node.value, constants)
    return {
        node.name: [
            (method.name, FUNCTIONS & set(_CALL.findall(_texts(method, constants))))
            for method in node.body
            if isinstance(method, ast.FunctionDef)
        ]
        + [
            method
            for base in node.bases
            if isinstance(base, ast.Name)
            for method in shared.get(base.id, [])
        ]
        for node in module.body
        if isinstance(node, ast.ClassDef)
    }


@pytest.mark.parametrize("name", STORES)
def test_a_method_has_the_name_of_the_function_that_it_calls(name: str) -> None:
    """One operation has one name in SQL and in Python; only `now` and view readers call none."""
    for methods in _methods(ADAPTERS / f"{name}.py").values():
        for method, called in methods:
            assert called <= {method}, f"{name}.{method} calls {called}"
            assert method not in FUNCTIONS or called == {method}, f"{name}.{method} calls nothing"


@pytest.mark.parametrize(("adapter", "port"), STORES.items())
def test_an_adapter_has_the_methods_of_its_port(adapter: str, port: str) -> None:
    """Public methods are the same in both, so that a port's page shows all that a store does."""
    expected = {
        name: {method for method, _ in methods}
        for name, methods in _methods(PORTS / f"{port}.py").items()
        if name.endswith("Store")
    }
    classes = {
        name.removeprefix("Postgres"): {
            method for method, _ in methods if not method.startswith("_")
        }
        for name, methods in _methods(ADAPTERS / f"{adapter}.py").items()
        if name.startswith("Postgres")
    }
    assert classes == expected


def test_every_call_of_sql_is_in_a_store() -> None:
    """SQL functions are called in the stores and nowhere else in the engine."""
    package = ADAPTERS.parents[1]
    allowed = {ADAPTERS / f"{name}.py" for name in (*STORES, *OTHERS, SHARED)}
    elsewhere = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if path not in allowed
        and re.search(rf"\bselect (?:\* from )?(?:{'|'.join(FUNCTIONS)})\(", path.read_text())
    }
    assert elsewhere == set()
