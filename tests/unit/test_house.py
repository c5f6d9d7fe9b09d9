"""The house keeps its shape: which way imports run, and that the README knows every setting, route and command."""

import ast

import pytest
import typer.main

from service.app import ROOMS
from service.cli import app
from service.settings import PREFIX, ROOT, Settings

README = (ROOT / "README.md").read_text(encoding="utf-8")
PURE = ["interaction", "mood", "churn", "segments", "playbook", "sentiment.reading", "sentiment.language"]
PURE += [
    f"{room}.{path.stem}"
    for room in ("text", "channels.transcripts")
    for path in (ROOT / "service" / room.replace(".", "/")).glob("*.py")
]
SERVICE = sorted((ROOT / "service").rglob("*.py"))


def imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("room", PURE)
def test_pure_rooms_touch_no_database_and_no_web(room):
    found = set(imports(ROOT / "service" / f"{room.replace('.', '/')}.py"))
    assert not {name for name in found if name.split(".")[0] in ("sqlalchemy", "fastapi", "torch", "transformers")}
    assert not {name for name in found if name.startswith(("service.database", "service.tables", "service.api"))}


@pytest.mark.parametrize("path", SERVICE, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_service_never_imports_the_workshop_and_inner_rooms_never_the_api(path):
    found = set(imports(path))
    assert not {name for name in found if name.split(".")[0] in ("models", "tests")}
    if path.parent.name not in ("api", "commands") and path.name not in ("app.py", "cli.py"):
        assert not {name for name in found if name.startswith(("service.api", "service.app", "fastapi"))}


@pytest.mark.parametrize("path", SERVICE, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_room_says_what_it_is(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_in_the_readme(name):
    assert f"`{PREFIX}{name.upper()}`" in README


def test_every_route_is_in_the_readme():
    paths = {route.path.replace(":path", "") for room in ROOMS for route in room.router.routes}
    assert len(paths) >= 10
    assert not {path for path in paths if f" {path}`" not in README}


def test_every_command_is_in_the_readme():
    commands = typer.main.get_command(app).commands
    assert not {name for name in commands if f"moodline {name}" not in README}
