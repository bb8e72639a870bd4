"""Short names for the firmware's own: names that every MicroPython carries in its ROM anyway.

Each distinct name of the program takes some 16 bytes of the lamp's heap, and 4 to 20 in every
file that says it; a name of STATIC takes none and one or two. So each of the lamp's names becomes
one of STATIC, the same one wherever it is said, so that it does not matter through which object
it is reached; two names share one where they never meet in a module or a class.

Left alone are names that objects of MicroPython and of the chip have as well (OUTSIDE), those that
are said from without (DOORS), module names, words in strings and arguments passed by keyword.
"""

import ast
import builtins
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

DOORS = {"main", "VERSION"}
# Names that a compiled file refers to by number (MicroPython, .mpy version 6), but for those the
# compiler gives a meaning, and dunders.
_STATIC = """
    abs all any append args bool bytearray bytes chr clear close copy count dict dir divmod end
    endswith eval exec extend find format get hash id index insert int isalpha isdigit islower
    isspace isupper items iter join key keys len list little locals lower lstrip map next object
    open ord pop popitem pow read readinto readline remove replace repr reverse rfind rindex round
    rsplit rstrip send sep set setdefault sort sorted split start startswith step stop str strip
    sum throw tuple type update upper value values write zip callable from_bytes getattr globals
    hasattr issubclass setattr to_bytes builtins bytecode
    ArithmeticError AssertionError AttributeError BaseException EOFError Ellipsis Exception
    GeneratorExit ImportError IndentationError IndexError KeyError KeyboardInterrupt LookupError
    MemoryError NameError NoneType NotImplementedError OSError OverflowError RuntimeError
    StopIteration SyntaxError SystemExit TypeError ValueError ZeroDivisionError
"""
STATIC = _STATIC.split()
# The lamp's own names that others' objects have, too (tests/host/test_squeeze.py finds them).
_OUTSIDE = """
    BOOT FALLING HOLD IDLE Server _offset active add append bytes clear close const count digest
    errno feed find flags get index log mode name native off open pack_into pull read reset_cause
    run scan set sleep start stop threshold time unpack unpack_from viper
"""
OUTSIDE = set(_OUTSIDE.split())
_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Scope = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def origin(node: ast.AST, dotted: str) -> str | None:
    """The place within the lamp that an import statement of module `dotted` imports from."""
    if not isinstance(node, ast.ImportFrom):
        return None
    if not node.level:
        outer, _, inner = (node.module or "").partition(".")
        return inner if outer == "lamp" else None
    parts = dotted.split(".")
    return ".".join([*parts[: len(parts) - node.level], node.module or ""]).strip(".")


def imports(tree: ast.AST, dotted: str) -> Iterator[tuple[str, ast.alias]]:
    """(where from, what) of everything a file of the lamp imports from the lamp."""
    for node in ast.walk(tree):
        place = origin(node, dotted)
        if place is not None and isinstance(node, ast.ImportFrom):
            yield from ((place, alias) for alias in node.names)


def own(function) -> set[str]:
    """The names that are a function's own: its arguments and what it binds."""
    a = function.args
    names = {arg.arg for arg in [*a.args, *a.kwonlyargs, a.vararg, a.kwarg] if arg}
    free = set()
    for part in function.body if isinstance(function.body, list) else [function.body]:
        names |= bound(part)
        free |= {n for x in (part, *_near(part)) if isinstance(x, ast.Global) for n in x.names}
    return names - free


def defined(tree: ast.Module) -> set[str]:
    """The functions and classes of a file, whose names stand in tracebacks."""
    return {node.name for node in ast.walk(tree) if isinstance(node, _Function | ast.ClassDef)}


def choose(trees: dict[str, ast.Module]) -> dict[str, str]:
    """{long name: short one}: the commonest first, each the first that is free for it."""
    fixed = OUTSIDE | DOORS | {part for dotted in trees for part in dotted.split(".")}
    spaces = _spaces(trees.values())
    uses: Counter[str] = Counter()
    for tree in trees.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                uses[node.id] += 1
            elif isinstance(node, ast.Attribute):
                uses[node.attr] += 1
            elif isinstance(node, ast.Import) or (
                isinstance(node, ast.ImportFrom) and not node.level
            ):
                fixed |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    lives = defaultdict(list)
    for space in spaces:
        for name in space.names:
            if name not in fixed and not name.startswith("__"):
                lives[name].append(space)
    for space in spaces:
        space.taken |= space.names - set(lives)
    short = {}
    for name in sorted(lives, key=lambda name: (-uses[name], name)):
        barred = set().union(*(space.taken for space in lives[name]))
        short[name] = next(new for new in _pool() if new not in barred)
        for space in lives[name]:
            space.taken.add(short[name])
    return short


def put_in(tree: ast.Module, short: dict[str, str], guest: bool = False) -> None:
    """Shorten the names that a file says; a `guest` keeps its own global names."""
    _Rename(set() if guest else bound(tree), short).visit(tree)


def keywords(trees: Iterable[ast.Module]) -> set[str]:
    """The arguments that are passed by their names."""
    nodes = (node for tree in trees for node in ast.walk(tree))
    return {node.arg for node in nodes if isinstance(node, ast.keyword) and node.arg}


def number(tree: ast.Module, kept: set[str]) -> None:
    """Give the arguments of a file's functions names by their place, but for those `kept`."""
    _Arguments(kept | {"self"}).visit(tree)


class _Space:
    """Names that must differ from one another and from those that are `taken`."""

    def __init__(self, names: set[str], taken: set[str]):
        self.names, self.taken = names, taken


def _spaces(trees: Iterable[ast.Module]) -> list[_Space]:
    """Each file's global names, and the names of each class."""
    spaces: list[_Space] = []
    classes: list[tuple[ast.ClassDef, _Space]] = []
    for tree in trees:
        spaces.append(_Space(bound(tree), _words(tree)))
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                names = bound(node) | {attr for n in ast.walk(node) if (attr := _of_self(n))}
                near = {n.id for n in _near(node) if isinstance(n, ast.Name)}
                classes.append((node, _Space(names, near - names)))
    for node, space in classes:
        for base in map(ast.unparse, node.bases):
            bases = [other for its, other in classes if its.name == base]
            space.names |= set().union(*(other.names for other in bases))
            space.taken |= set() if bases else set(dir(vars(builtins)[base]))
    return spaces + [space for _, space in classes]


def _of_self(node: ast.AST) -> str | None:
    match node:
        case ast.Attribute(value=ast.Name(id="self"), attr=name):
            return name
    return None


def _words(tree: ast.Module) -> set[str]:
    """Whatever is said in a file that is no attribute."""
    words = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            words.add(node.id)
        elif isinstance(node, ast.arg):
            words.add(node.arg)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            words.add(node.name)
    return words


def _near(node: ast.AST) -> Iterator[ast.AST]:
    """What lies under `node`, functions and classes in it not entered."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, _Scope):
            yield from _near(child)
        elif not isinstance(child, ast.ClassDef):  # these are seen from outside
            yield from (d for default in child.args.defaults for d in ast.walk(default))
            yield from (
                d for outer in getattr(child, "decorator_list", []) for d in ast.walk(outer)
            )


def bound(node: ast.AST) -> set[str]:
    """The names bound in a body, or in one statement of it."""
    names = set()
    for found in [*([] if isinstance(node, _Scope) else [node]), *_near(node)]:
        match found:
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.add(name)
            case ast.ClassDef(name=name) | ast.ExceptHandler(name=str() as name):
                names.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                names |= {(alias.asname or alias.name).split(".")[0] for alias in aliases}
    return names


def _pool() -> Iterator[str]:
    yield from STATIC
    for n in range(1 << 16):
        yield f"n{n}"


class _Rename(ast.NodeTransformer):
    """Puts the short names in; a name that is a function's own stays."""

    def __init__(self, outer: set[str], short: dict[str, str]):
        self.short = short
        self.outer = outer  # global names
        self.around: set[str] = set()  # those of the class whose body this is
        self.hidden: list[set[str]] = []  # those of the functions around

    def visit_Attribute(self, node):
        node.attr = self.short.get(node.attr, node.attr)
        return self.generic_visit(node)

    def visit_Name(self, node):
        hidden = any(node.id in names for names in self.hidden)
        if not hidden and node.id in self.outer | self.around:
            node.id = self.short.get(node.id, node.id)
        return node

    def visit_Global(self, node):
        node.names = [self.short.get(name, name) for name in node.names]
        return node

    def visit_FunctionDef(self, node):
        if not self.hidden and node.name in self.outer | self.around:
            node.name = self.short.get(node.name, node.name)
        for said in [*node.decorator_list, *node.args.defaults]:
            self.visit(said)
        self._enter(node, node.body)
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node):
        self._enter(node, [node.body])
        return node

    def _enter(self, function, body):
        around, self.around = self.around, set()
        self.hidden.append(own(function))
        for part in body:
            self.visit(part)
        self.hidden.pop()
        self.around = around

    def visit_ClassDef(self, node):
        if node.name in self.outer:
            node.name = self.short.get(node.name, node.name)
        self.around = bound(node)
        self.generic_visit(node)
        self.around = set()
        return node

    def visit_ImportFrom(self, node):
        if origin(node, "") is not None:
            for alias in node.names:
                here = alias.asname or alias.name
                alias.name = self.short.get(alias.name, alias.name)
                here = self.short.get(here, here) if here in self.outer else here
                alias.asname = None if here == alias.name else here
        return node


class _Arguments(ast.NodeTransformer):
    """Renames arguments; a function within another goes on where that one's end."""

    def __init__(self, kept: set[str]):
        self.kept, self.free = kept, [""]
        self.new: dict[str, str] = {}
        self.used = 0

    def visit_FunctionDef(self, node):
        mine, used = own(node), self.used
        if not used:
            words = _words(node)
            self.free = [new for new in STATIC if new not in words]
        new, self.new = self.new, {k: v for k, v in self.new.items() if k not in mine}
        a = node.args
        for arg in [*a.args, *a.kwonlyargs, a.vararg, a.kwarg]:
            if arg and arg.arg not in self.kept:
                self.new[arg.arg] = arg.arg = self.free[self.used]
                self.used += 1
        self.generic_visit(node)
        self.new, self.used = new, used
        return node

    visit_AsyncFunctionDef = visit_Lambda = visit_FunctionDef

    def visit_Name(self, node):
        node.id = self.new.get(node.id, node.id)
        return node

    def visit_Nonlocal(self, node):
        node.names = [self.new.get(name, name) for name in node.names]
        return node
