"""What holds for the whole tree: its size, its words, its imports."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "e2echat"
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST = 350
REASONED = re.compile(r"# (noqa: [A-Z0-9, ]+ - |type: ignore\[[a-z, -]+\] (- | # ?))\S")
IMAGES = {".png", ".gif", ".ico"}

# What a file of a project has no business to name: somebody's machine, and where that fetches its packages.
STRAY = re.compile(
    r"/(?:home|root|users|work|mnt)/[a-z]"
    r"|[a-z]:\\users\\"
    r"|index-url|find-links|trusted-host|//[a-z.-]+/simple\b|artifactory",
    re.IGNORECASE,
)


def _tracked() -> list[Path]:
    git = ["git", "ls-files", "-z"]
    found = subprocess.run(git, cwd=ROOT, capture_output=True, check=False)
    if found.returncode:
        pytest.skip("not a git checkout: what belongs to the project is not known")
    paths = [ROOT / name for name in found.stdout.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]


def _texts() -> list[tuple[Path, str]]:
    return [(path, path.read_text(encoding="utf-8")) for path in _tracked() if path.suffix not in IMAGES]


def test_no_file_names_a_machine_or_a_registry() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path, text in _texts()
        if path != Path(__file__)
        for match in STRAY.finditer(text)
    ]
    assert not found


def test_text_files_are_tidy() -> None:
    for path, text in _texts():
        assert "\r" not in text, path
        assert not text or text.endswith("\n"), path


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_can_be_read_in_one_go(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST


def test_packages_drag_nothing_in() -> None:
    for path in PACKAGE.rglob("__init__.py"):
        if path.parent not in (PACKAGE, PACKAGE / "client"):
            assert not path.read_text(encoding="utf-8"), path
    drag = "import sys, e2echat.client; print(sorted(name for name in sys.modules if name.startswith('e2echat')))"
    done = subprocess.run([sys.executable, "-c", drag], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['e2echat', 'e2echat.client']"


def test_every_folder_of_modules_is_a_package() -> None:
    assert {path.parent for path in MODULES} == {path.parent for path in PACKAGE.rglob("__init__.py")}


def test_types_are_shipped() -> None:
    assert (PACKAGE / "py.typed").is_file()


def test_the_import_rules_hold() -> None:
    lint = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run([sys.executable, "-c", lint], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [
        *project["project"]["dependencies"],
        *(requirement for group in project["dependency-groups"].values() for requirement in group),
        *project["build-system"]["requires"],
    ]
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {
        name.lower().replace("_", "-")
        for name, _, version in (pin.partition("==") for pin in pins)
        if version
    }
    assert len(pinned) == len(pins)
    for requirement in wanted:
        assert re.split(r"[>=<~!\[; ]", requirement)[0].lower().replace("_", "-") in pinned


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    reasons = (ROOT / "docs/decisions/0002-dependencies.md").read_text(encoding="utf-8").lower()
    groups = project["dependency-groups"].values()
    for requirement in [*project["project"]["dependencies"], *(each for group in groups for each in group)]:
        assert f"`{re.split('[>=]', requirement)[0].lower()}`" in reasons


def _imported() -> set[str]:
    """The packages that a module of ours imports, anywhere in it."""
    found = set[str]()
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    return found


def test_every_dependency_is_used() -> None:
    """Each is code that whoever installs e2echat runs: what nothing imports is not asked for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = {re.split("[>=]", each)[0].lower() for each in project["project"]["dependencies"]}
    brings = packages_distributions()
    used = {name.lower() for module in _imported() for name in brings.get(module, [])}
    assert wanted == used - {"e2echat"}


def test_every_exception_to_a_rule_has_its_reason() -> None:
    for path, text in _texts():
        if path.suffix == ".py" and path != Path(__file__):
            kinds = r"# (noqa|type: ignore)" if PACKAGE in path.parents else r"# noqa"
            for line in text.splitlines():
                assert not re.search(kinds, line) or REASONED.search(line), (path, line)


def test_the_readme_names_the_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for command in ("e2echat relay", "e2echat talk", "fingerprint", "verify", "make demo"):
        assert command in text


def test_the_threat_model_claims_what_is_tested() -> None:
    text = (ROOT / "docs/threat-model.md").read_text(encoding="utf-8")
    claimed = {int(number) for number in re.findall(r"\[(\d+)\](?!\()", text)}
    names = (path.name for path in (ROOT / "tests/attacks").glob("test_*.py"))
    assert claimed
    assert claimed <= {int(number) for name in names for number in re.findall(r"\d+", name)}


def test_links_between_documents_lead_somewhere() -> None:
    code = re.compile(r"^```.*?^```|^    .*?$|`[^`]*`", re.MULTILINE | re.DOTALL)
    link = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")
    for path, text in _texts():
        if path.suffix == ".md":
            for target in link.findall(code.sub("", text)):
                assert (path.parent / target).exists(), (path, target)


CITED = re.compile(r'([\w./-]+\.md)[`)]*, ("[^"]+"(?:(?:, | and |, and )"[^"]+")*)')


def _missing_sections(path: Path, text: str) -> list[tuple[str, str]]:
    """What ``docs/x.md, "Section" and "Another"`` names in a text and nobody finds there, as file and section."""
    missing = []
    for name, sections in CITED.findall(re.sub(r"\n[ #]*", " ", text)):
        place = (ROOT if name.startswith("docs/") else path.parent) / name
        lines = place.read_text(encoding="utf-8").splitlines() if place.is_file() else []
        headings = {line.lstrip("#").strip() for line in lines if line.startswith("#")}
        missing += [
            (name, section) for section in re.findall('"([^"]+)"', sections) if section not in headings
        ]
    return missing


def test_sections_that_are_named_exist() -> None:
    missing = {
        path: _missing_sections(path, text) for path, text in _texts() if path.suffix in {".py", ".md"}
    }
    assert not {path: found for path, found in missing.items() if found and path != Path(__file__)}


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ('docs/spec/sessions.md, "Order" and "Typing".', []),
        ('docs/spec/sessions.md,\n    # "Order" and\n    # "Sorting"', ["Sorting"]),
        ('`spec/sessions.md`, "Order", "Lifetimes" and "Supply"', ["Lifetimes", "Supply"]),
        ('docs/spec/nowhere.md, "Order"', ["Order"]),
    ],
)
def test_a_section_that_does_not_exist_is_found(text: str, missing: list[str]) -> None:
    assert [section for _, section in _missing_sections(ROOT / "docs/cli.md", text)] == missing


def test_decisions_are_numbered_once_and_dated() -> None:
    files = sorted((ROOT / "docs/decisions").glob("*.md"))
    numbers = [path.name[:4] for path in files]
    assert len(set(numbers)) == len(numbers)
    for path in files:
        assert re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", path.name)
        assert re.search(r"\b20\d\d-\d\d-\d\d\b", path.read_text(encoding="utf-8")), path
