"""Files of the firmware that are loaded together, made into one.

A module costs the lamp's heap some 200 bytes whatever is in it, and a table of the names it says.
So what the start-up code imports becomes one file, and what it loads later, inside a function,
another; each keeps the name of the file it began with. What several of the latter need, of which
perhaps one is loaded, is a file of its own; but where a function loads one of several files, what
all of them need comes with the function. A module that is handed about as a value stays.
Global names take their module's name before them (`heart__Heart`), so that none meet.
"""

import ast
from collections.abc import Iterable, Iterator

from . import shortnames
from .errors import DreamlampError

GUEST = "?"  # a script that is no file of the lamp


class Merger:
    """`owner`: the file each module has become part of; `whole` the modules that stay."""

    def __init__(self, trees: dict[str, ast.Module]):
        self.trees = trees
        later = {there for dotted in trees for there in self._imports(dotted, later=True)}
        self.whole = self._values() | {"", *(dotted.rpartition(".")[0] for dotted in trees)}
        self.owner: dict[str, str] = {}
        self.parts: dict[str, list[str]] = {}
        always = ["main", *self._imports("main", later=True)]
        later -= {*always, *self.whole}
        for root in [*always, *sorted(later, key=lambda r: (-len(self._needed(r, [])), r))]:
            if root in trees and root not in self.owner and root not in self.whole:
                if root not in always:
                    self._own(self._shared(root, later - {root}))
                self._own(self._needed_by_all(root) if root in always else self._needed(root, []))

    def _own(self, parts: list[str]) -> None:
        """Make one file of these, called as the last."""
        if parts:
            self.parts[parts[-1]] = parts
            self.owner |= dict.fromkeys(parts, parts[-1])

    def _needed_by_all(self, root: str) -> list[str]:
        """What `root` needs, and what all the files need of which a function in it loads one."""
        found = self._needed(root, [])
        for dotted in list(found):
            for node in ast.walk(self.trees[dotted]):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    later = set(self._imports(dotted, later=True, within=node))
                    ways = [set(self._needed(other, [])) for other in later & set(self.trees)]
                    for module in sorted(set.intersection(*ways)) if len(ways) > 1 else []:
                        self._needed(module, found)
        return [*(module for module in found if module != root), root]

    def _shared(self, root: str, others: set[str]) -> list[str]:
        """What `root` needs and one of the `others` as well."""
        theirs = {m for other in others & set(self.trees) for m in self._needed(other, [])}
        return [m for m in self._needed(root, []) if m != root and m in theirs]

    def merged(self) -> dict[str, ast.Module]:
        """The trees of the files there are now."""
        made = {dotted: self.trees[dotted] for dotted in self.whole if dotted in self.trees}
        for dotted in made:
            self.rewrite(made[dotted], dotted)
        for root, parts in self.parts.items():
            body: list[ast.stmt] = []
            heads: dict[str, ast.stmt] = {}
            for dotted in parts:
                for statement in self.rewrite(self.trees[dotted], dotted).body:
                    if isinstance(statement, ast.Import | ast.ImportFrom):
                        heads.setdefault(ast.unparse(statement), statement)
                    else:
                        body.append(statement)
            self._no_clash(root, heads.values())
            made[root] = ast.Module([*_joined(heads.values()), *body], [])
        return made

    def rewrite(self, tree: ast.Module, dotted: str) -> ast.Module:
        """A file's tree, or a GUEST's, with the names that things have after merging."""
        return _Rewrite(self, tree, dotted).visit(tree)

    def name(self, dotted: str, name: str) -> str:
        """What a global name of a module is called now."""
        root = self.owner.get(dotted)
        dunder = name.startswith("__")
        if root is None or dunder or (root == dotted and name in shortnames.DOORS):
            return name
        return f"{dotted.replace('.', '_')}__{name}"

    def _imports(self, dotted: str, later: bool, within: ast.AST | None = None) -> Iterator[str]:
        """The modules that one imports at once, or later (`within` a function)."""
        tree = self.trees[dotted]
        top = {id(node) for node in tree.body}
        for node in ast.walk(within or tree):
            place = shortnames.origin(node, dotted)
            if place is not None and isinstance(node, ast.ImportFrom):
                for alias in node.names if (id(node) not in top) == later else []:
                    inner = f"{place}.{alias.name}".strip(".")
                    yield inner if inner in self.trees else place

    def _needed(self, dotted: str, found: list[str]) -> list[str]:
        """The module and what it imports, those first that others need."""
        if dotted not in found and dotted not in self.owner and dotted not in self.whole:
            found.append("")  # a place in the way of circles
            at = len(found) - 1
            for other in self._imports(dotted, later=False):
                if other not in found:
                    self._needed(other, found)
            found.append(dotted)
            del found[at]
        return found

    def _values(self) -> set[str]:
        """The modules that are handed about, not only asked for their names."""
        found: set[str] = set()
        for here, tree in self.trees.items():
            modules: dict[str, set[str]] = {}
            for place, alias in shortnames.imports(tree, here):
                there = f"{place}.{alias.name}".strip(".")
                modules.setdefault(alias.asname or alias.name, set()).add(there)
            asked = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
            for node in ast.walk(tree):
                if isinstance(node, ast.Name) and id(node) not in asked:
                    found |= modules.get(node.id, set())
        return found & set(self.trees)

    @staticmethod
    def _no_clash(root: str, heads) -> None:
        bound: dict[str, str] = {}
        for head in heads:
            for alias in head.names:
                name = alias.asname or alias.name
                what = f"{getattr(head, 'module', '')}.{alias.name}"
                if bound.setdefault(name, what) != what:
                    raise DreamlampError(f"{root}: {name} is imported from two places")


def _joined(heads: Iterable[ast.stmt]) -> list[ast.stmt]:
    """The imports, with one statement for all that comes from one file."""
    made: dict[object, ast.stmt] = {}
    for head in heads:
        if not isinstance(head, ast.ImportFrom):
            made[head] = head
        elif (first := made.setdefault((head.module, head.level), head)) is not head:
            assert isinstance(first, ast.ImportFrom)
            first.names += head.names
    return list(made.values())


class _Rewrite(ast.NodeTransformer):
    def __init__(self, merger: Merger, tree: ast.Module, dotted: str):
        self.merger, self.dotted = merger, dotted
        self.home = merger.owner.get(dotted, dotted)
        self.imported: dict[str, tuple[str, str]] = {}
        self.late: set[str] = set()  # modules that are imported later
        top = {id(node) for node in tree.body}
        for node in ast.walk(tree):
            place = shortnames.origin(node, dotted)
            if place is not None and isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    inner = f"{place}.{alias.name}".strip(".")
                    is_module = inner in merger.trees
                    name = alias.asname or alias.name
                    what = (inner, "") if is_module else (place, alias.name)
                    if self.imported.setdefault(name, what) != what:
                        raise DreamlampError(f"{dotted}: {name} is imported from two places")
                    if id(node) not in top or dotted == GUEST:
                        self.late.add(name)
        self.globals = set() if dotted == GUEST else shortnames.bound(tree) - set(self.imported)
        self.globals -= {
            (alias.asname or alias.name).split(".")[0]
            for node in tree.body
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        self.hidden: list[set[str]] = []
        self.around: set[str] = set()
        self.wanted: dict[tuple[str, str], None] = {}  # (file, name) to be imported

    def visit_Module(self, node):
        self.generic_visit(node)
        heads = [
            ast.ImportFrom(file, [ast.alias(name)], self.home.count(".") + 1)
            for file, name in self.wanted
        ]
        node.body = heads + node.body
        return node

    def visit_ImportFrom(self, node):
        place = shortnames.origin(node, self.dotted)
        if place is None:
            return node
        made = []
        for alias in node.names:
            here = alias.asname or alias.name
            module, name = self.imported[here]
            owner = self.merger.owner.get(module)
            if owner is None:
                made.append(ast.ImportFrom(node.module, [alias], node.level))
            elif here in self.late:
                made.append(self._later(node, here, owner, module, name))
        return made

    def _later(self, node, here, owner, module, name):
        """An import inside a function, or of a guest."""
        level = node.level
        package, _, file = owner.rpartition(".")
        if self.dotted == GUEST:
            package = f"lamp.{package}".strip(".")
        else:
            level = self.home.count(".") + 1
        if name:
            inside = f"{package}.{file}".strip(".")
            return ast.ImportFrom(inside, [ast.alias(self.merger.name(module, name), here)], level)
        return ast.ImportFrom(package or None, [ast.alias(file, here)], level)

    def _there(self, module, name, node):
        """The name of what another module calls `name`."""
        owner = self.merger.owner[module]
        new = self.merger.name(module, name)
        if owner != self.home:
            self.wanted[owner, new] = None
        return ast.copy_location(ast.Name(new, node.ctx), node)

    def visit_Name(self, node):
        if any(node.id in names for names in self.hidden) or node.id in self.around:
            return node
        if node.id in self.globals:
            node.id = self.merger.name(self.dotted, node.id)
        elif node.id in self.imported and node.id not in self.late:
            module, name = self.imported[node.id]
            if name and module in self.merger.owner:
                return self._there(module, name, node)
        return node

    def visit_Attribute(self, node):
        match node.value:
            case ast.Name(id=alias) if not any(alias in names for names in self.hidden):
                module, inside = self.imported.get(alias, ("", "?"))
                if not inside and module in self.merger.owner:
                    if alias not in self.late:
                        return self._there(module, node.attr, node)
                    node.attr = self.merger.name(module, node.attr)
        return self.generic_visit(node)

    def visit_Global(self, node):
        node.names = [self.merger.name(self.dotted, name) for name in node.names]
        return node

    def visit_FunctionDef(self, node):
        if not self.hidden and node.name in self.globals and not self.around:
            node.name = self.merger.name(self.dotted, node.name)
        node.args.defaults = [self.visit(default) for default in node.args.defaults]
        around, self.around = self.around, set()
        self.hidden.append(shortnames.own(node) - self.late)
        made = [self.visit(statement) for statement in node.body]
        node.body = [new for m in made for new in (m if isinstance(m, list) else [m])]
        self.hidden.pop()
        self.around = around
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node):
        self.hidden.append(shortnames.own(node))
        node.body = self.visit(node.body)
        self.hidden.pop()
        return node

    def visit_ClassDef(self, node):
        if node.name in self.globals:
            node.name = self.merger.name(self.dotted, node.name)
        node.bases = [self.visit(base) for base in node.bases]
        self.around = shortnames.bound(node) or {""}
        node.body = [self.visit(statement) for statement in node.body]
        self.around = set()
        return node
