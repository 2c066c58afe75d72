"""Marts without rows, as dbt's contracts describe them, for whoever fills them by hand."""

from functools import cache
from typing import Any

import yaml

from lifecycle.settings import DBT_PROJECT


def ddl(*names: str) -> str:
    """SQL that makes the schema ``$marts`` and these marts, where they are not there: with columns, types and keys."""
    return ";\n".join(["create schema if not exists $marts", *(_table(contracts()[name]) for name in names)]) + ";\n"


@cache
def contracts() -> dict[str, dict[str, Any]]:
    """Mart → what its YAML says about it; every mart has an enforced contract."""
    files = sorted((DBT_PROJECT / "models" / "marts").rglob("_*__models.yml"))
    models = [model for file in files for model in yaml.safe_load(file.read_text(encoding="utf-8"))["models"]]
    return {model["name"]: model for model in models}


def _table(model: dict[str, Any]) -> str:
    columns = [_column(column) for column in model["columns"]]
    rules = [_rule(constraint) for constraint in model.get("constraints", ())]
    return f"create table if not exists $marts.{model['name']} ({', '.join([*columns, *rules])})"


def _column(column: dict[str, Any]) -> str:
    constraints = {constraint["type"] for constraint in column.get("constraints", ())}
    rule = " not null" if "not_null" in constraints else ""
    return f'"{column["name"]}" {column["data_type"]}{rule}'


def _rule(constraint: dict[str, Any]) -> str:
    if constraint["type"] == "check":
        return f"check ({constraint['expression']})"
    return f"primary key ({', '.join(constraint['columns'])})"
