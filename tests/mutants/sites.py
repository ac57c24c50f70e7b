"""Where something is refused, and what the source is like without that refusal."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
FILES = [
    *sorted((ROOT / "e2echat/crypto").glob("*.py")),
    *sorted((ROOT / "e2echat/wire").glob("*.py")),
    *(ROOT / f"e2echat/relay/{name}.py" for name in ("switchboard", "control", "directory")),
]
CHECK = re.compile(
    r"_?(require|check|scan|verify|parse|__post_init__)|from_public_bytes|crypto_sign_open|ed25519_verify"
)
"""Names of functions that are called for what they raise."""
ANSWERS = {"allows", "holds", "proves", "is_canonical"}
"""Names of functions that refuse by returning False."""


@dataclass(frozen=True)
class Mutant:
    """One refusal less: the bytes from ``start`` to ``end`` of ``path`` replaced. ``name`` stays when lines move."""

    path: Path
    name: str
    start: int
    end: int
    replacement: str

    def source(self) -> str:
        raw = self.path.read_bytes()
        return (raw[: self.start] + self.replacement.encode() + raw[self.end :]).decode()


def mutants() -> list[Mutant]:
    """All of them, in the order of the files."""
    found = [mutant for path in FILES for mutant in _File(path).mutants()]
    seen: Counter[str] = Counter()
    numbered = []
    for mutant in found:
        seen[mutant.name] += 1
        number = seen[mutant.name]
        name = mutant.name if number == 1 else f"{mutant.name} ({number})"
        numbered.append(Mutant(mutant.path, name, mutant.start, mutant.end, mutant.replacement))
    return numbered


class _File:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.raw = path.read_bytes()
        lines = self.raw.splitlines(keepends=True)
        self.offsets = [0]
        for line in lines:
            self.offsets.append(self.offsets[-1] + len(line))
        self.scope: list[str] = []

    def mutants(self) -> Iterator[Mutant]:
        yield from self._walk(ast.parse(self.raw), handler=False)

    def _walk(self, node: ast.AST, *, handler: bool) -> Iterator[Mutant]:
        named = isinstance(node, ast.FunctionDef | ast.ClassDef)
        if named:
            self.scope.append(node.name)  # type: ignore[attr-defined]
        yield from self._at(node, handler=handler)
        for child in ast.iter_child_nodes(node):
            yield from self._walk(child, handler=handler or isinstance(node, ast.ExceptHandler))
        if named:
            self.scope.pop()

    def _at(self, node: ast.AST, *, handler: bool) -> Iterator[Mutant]:
        match node:
            case ast.Raise(exc=ast.expr()):
                # Out of a handler the error goes on as it came: whoever expects one of ours does not get it.
                yield self._mutant(node, "raise" if handler else "pass")
            case ast.Expr(value=ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name))) if CHECK.match(
                name
            ):
                yield self._mutant(node, "pass")
            case ast.If(test=test, body=[*_, ast.Raise()]):
                yield from self._parts(test)
            case ast.Return(value=ast.expr() as value) if self.scope and self.scope[-1] in ANSWERS:
                yield self._mutant(value, "True")
                yield from self._parts(ast.UnaryOp(ast.Not(), value))

    def _parts(self, test: ast.expr) -> Iterator[Mutant]:
        """Conditions with one part less, so that each part of a refusal is one by itself."""
        match test:
            case ast.BoolOp(op=ast.Or(), values=values):
                yield from (self._without(test, values, index, " or ") for index in range(len(values)))
            case ast.UnaryOp(op=ast.Not(), operand=ast.BoolOp(op=ast.And(), values=values) as whole):
                yield from (self._without(whole, values, index, " and ") for index in range(len(values)))
            case ast.UnaryOp(op=ast.Not(), operand=ast.Compare(ops=[_, _, *_]) as whole):
                yield from self._sides(whole)

    def _without(self, whole: ast.expr, values: list[ast.expr], index: int, word: str) -> Mutant:
        rest = word.join(f"({ast.unparse(value)})" for value in values[:index] + values[index + 1 :])
        return self._mutant(whole, f"({rest})", values[index])

    def _sides(self, whole: ast.Compare) -> Iterator[Mutant]:
        terms = [whole.left, *whole.comparators]
        for index in range(len(whole.ops)):
            kept = [
                ast.unparse(ast.Compare(terms[at], [whole.ops[at]], [terms[at + 1]]))
                for at in range(len(whole.ops))
                if at != index
            ]
            dropped = ast.Compare(terms[index], [whole.ops[index]], [terms[index + 1]])
            yield self._mutant(whole, " and ".join(kept), dropped)

    def _mutant(self, node: ast.stmt | ast.expr, replacement: str, part: ast.expr | None = None) -> Mutant:
        assert node.end_lineno
        assert node.end_col_offset is not None
        start = self.offsets[node.lineno - 1] + node.col_offset
        end = self.offsets[node.end_lineno - 1] + node.end_col_offset
        what = ast.unparse(part or node)
        kind = f"{what} -> {replacement}" if replacement in ("raise", "True") else what
        where = f"{self.path.relative_to(ROOT / 'e2echat')}:{'.'.join(self.scope)}"
        return Mutant(self.path, f"{where}: {kind}", start, end, replacement)
