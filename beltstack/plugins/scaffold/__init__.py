"""A new plugin's distribution: everything in place, passing the contract, ready to be changed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template


class CannotScaffold(Exception):
    """The name will not do, or something is there already."""


@dataclass(frozen=True, slots=True)
class Names:
    """What a plugin is called: `id` in the API, `title` to people, the others in Python."""

    id: str

    @property
    def title(self) -> str:
        return self.id.replace("_", " ").title()

    @property
    def kind(self) -> str:
        """The class's name."""
        return self.title.replace(" ", "")

    @property
    def distribution(self) -> str:
        return f"beltstack-{self.id.replace('_', '-')}"

    @property
    def package(self) -> str:
        return f"beltstack_{self.id}"


def names_for(name: str) -> Names:
    """From what a person typed; hyphens count as underscores. Raises CannotScaffold."""
    plugin_id = name.strip().lower().replace("-", "_").removeprefix("beltstack_")
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", plugin_id) or not 2 <= len(plugin_id) <= 40:
        raise CannotScaffold(
            f"'{name}' cannot be a plugin's name: write 2 to 40 letters, digits and hyphens, a letter first,"
            " like acme-books."
        )
    return Names(plugin_id)


def scaffold(names: Names, directory: Path) -> Path:
    """Write the distribution into a new folder within `directory`, which it returns. Raises CannotScaffold."""
    folder = directory / names.distribution
    try:
        directory.mkdir(parents=True, exist_ok=True)
        folder.mkdir()
        for path, text in _files(names):
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, "utf-8")
    except FileExistsError as error:
        raise CannotScaffold(
            f"{error.filename} is there already: choose another name, or another --directory."
        ) from None
    except OSError as error:
        raise CannotScaffold(
            f"Cannot write {error.filename} ({error.strerror}): choose another --directory."
        ) from error
    return folder


def _files(names: Names) -> Iterator[tuple[str, str]]:
    given = {part: getattr(names, part) for part in ("id", "title", "kind", "distribution", "package")}
    for template, path in _TEMPLATES.items():
        text = (files(__name__) / "templates" / template).read_text("utf-8")
        yield Template(path).substitute(given), Template(text).substitute(given)
    yield f"{names.package}/py.typed", ""


_TEMPLATES = {
    "pyproject.toml.txt": "pyproject.toml",
    "readme.md.txt": "README.md",
    "plugin.py.txt": "$package/__init__.py",
    "conftest.py.txt": "tests/conftest.py",
    "test_plugin.py.txt": "tests/test_$id.py",
}
