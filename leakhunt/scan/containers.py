"""Containers: where they are made, what makes them grow, and what takes something out of them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from leakhunt.scan.module import Module
from leakhunt.scan.names import FUNCTIONS, FunctionDef
from leakhunt.scan.serving import from_client

_MAKERS: Final = frozenset((
    "dict", "list", "set", "collections.defaultdict", "collections.OrderedDict", "collections.deque",
    "collections.Counter",
))  # fmt: skip
_KEYED: Final = frozenset(("setdefault",))
_GROWERS: Final = frozenset(("append", "appendleft", "add", "extend", "insert", *_KEYED))
SHRINKERS: Final = frozenset((
    "pop", "popitem", "popleft", "clear", "remove", "discard", "difference_update", "intersection_update",
))  # fmt: skip
_UNIQUE: Final = frozenset((
    "next", "uuid.uuid1", "uuid.uuid4", "time.time", "time.time_ns", "time.monotonic", "time.perf_counter",
    "secrets.token_hex", "secrets.token_urlsafe", "datetime.datetime.now", "datetime.datetime.utcnow", "id",
    "django.utils.timezone.now", "object",
))  # fmt: skip
_ONCE: Final = re.compile(
    r"^_*(un)?(register|configure|setup|set_up|init|install|ready|autodiscover|discover|bootstrap|boot|startup|connect|"
    r"create_app|make_app|load|import|add_(command|plugin|hook|handler|route|url|option|setting)|include|populate|declare|define|patch|"
    r"subscribe|contribute|main|on_startup|on_load|collect)"
)
_FEW: Final = re.compile(
    r"(^|_)(cls|klass|class|model|type|kind|func|function|fn|callback|handler|hook|plugin|backend|engine|driver|module|"
    r"app|app_label|language|lang|locale|alias|field|template|setting|option|command|signal|event|event_type|"
    r"provider|connection|schema|table|table_name|encoding|extension|mimetype|content_type|permission|feature|flag)(_name|_class|_cls|_id|s)?$"
)


@dataclass(frozen=True, slots=True)
class Growth:
    """One operation that puts something into a container."""

    node: ast.AST
    holder: ast.expr
    """The container, as it is written there."""
    key: ast.expr | None
    """None where every run adds one, whatever it is given."""
    kept: tuple[ast.expr, ...]
    """What is put in."""


def is_container(node: ast.expr | None, module: Module) -> bool:
    """Whether this makes an empty container that may grow for ever."""
    if isinstance(node, ast.Dict):
        return not node.keys
    if isinstance(node, ast.List):
        return not node.elts
    if not isinstance(node, ast.Call) or module.called(node) not in _MAKERS:
        return False
    if any(keyword.arg == "maxlen" for keyword in node.keywords):
        return False
    name = module.called(node)
    return not node.args or name == "collections.defaultdict"


def growth(node: ast.AST) -> Growth | None:
    """What this node adds, and to what; None if it adds nothing."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _GROWERS and node.args:
        attribute = node.func.attr
        if attribute in _KEYED or attribute == "add":
            return Growth(node, node.func.value, node.args[0], tuple(node.args))
        kept = node.args[1:] if attribute == "insert" else node.args
        return _through_key(Growth(node, node.func.value, None, tuple(kept)))
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Subscript):
        target = node.targets[0]
        if isinstance(target.slice, ast.Slice):
            return None
        return Growth(node, target.value, target.slice, (target.slice, node.value))
    if (
        isinstance(node, ast.AugAssign)
        and isinstance(node.op, ast.Add)
        and isinstance(node.value, (ast.List, ast.ListComp))
    ):
        return Growth(node, node.target, None, (node.value,))
    return None


def _through_key(found: Growth) -> Growth:
    """`HOLDER[key].append(x)` grows HOLDER whatever the key is."""
    if isinstance(found.holder, ast.Subscript):
        return Growth(found.node, found.holder.value, None, (found.holder.slice, *found.kept))
    return found


def emptied(module: Module) -> frozenset[str]:
    """Last names of all containers that something of this file takes something out of, bounds or replaces."""
    known = module.memory.get("emptied")
    if isinstance(known, frozenset):
        return known
    found = frozenset(_emptied(module))
    module.memory["emptied"] = found
    return found


def _emptied(module: Module) -> Iterator[str]:
    for node in module.nodes(ast.Attribute):  # also where a method is handed on, to be called later
        if isinstance(node, ast.Attribute) and node.attr in SHRINKERS:
            yield from _last_names(node.value)
    for node in module.nodes(ast.Delete):
        if isinstance(node, ast.Delete):
            for target in node.targets:
                yield from _last_names(target.value if isinstance(target, ast.Subscript) else target)
    for node in module.nodes(ast.Compare):
        if isinstance(node, ast.Compare):
            yield from _measured(node)
    for node in module.nodes(ast.Assign, ast.AnnAssign):
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            yield from _replaced(node, module)


def _measured(node: ast.Compare) -> Iterator[str]:
    """`len(x) > limit`: somebody thought of a bound."""
    for side in (node.left, *node.comparators):
        if isinstance(side, ast.Call) and isinstance(side.func, ast.Name) and side.func.id == "len" and side.args:
            yield from _last_names(side.args[0])


def _replaced(node: ast.Assign | ast.AnnAssign, module: Module) -> Iterator[str]:
    """Given a new value in a function that does not make the object: what it held is let go."""
    function = module.function_of(node)
    if function is None or function.name in {"__init__", "__new__"}:
        return
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Slice):
            yield from _last_names(target.value)
        for part in target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]:
            is_ours = isinstance(part, ast.Attribute) or (
                isinstance(part, ast.Name) and part.id in module.visit.scopes[function].elsewhere
            )
            if is_ours:
                yield from _last_names(part)


def _last_names(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Attribute):
        yield node.attr
    elif isinstance(node, ast.Subscript):
        yield from _last_names(node.value)


def runs_once(function: FunctionDef, module: Module) -> bool:
    """Whether a function seems to run when the app starts, and not for its requests."""
    if function not in module.once:
        module.once[function] = _runs_once(function, module)
    return module.once[function]


def _runs_once(function: FunctionDef, module: Module) -> bool:
    while True:
        if _ONCE.search(function.name) or function.name in {"__init_subclass__", "__new__", "__set_name__"}:
            return True
        if function.decorator_list and any(_is_startup(each) for each in function.decorator_list):
            return True
        if _decorates(function) or function.name in _called_at_import(module):
            return True
        outer = module.function_of(function)
        if outer is None:
            return False
        function = outer


def _is_startup(decorator: ast.expr) -> bool:
    text = ast.dump(decorator)
    return "on_event" in text or "startup" in text or "before_first_request" in text


def _decorates(function: FunctionDef) -> bool:
    """A function that returns what it was given, or a function that it made, is used while modules are imported."""
    names = {argument.arg for argument in function.args.args}
    inner = {each.name for each in function.body if isinstance(each, (*FUNCTIONS, ast.ClassDef))}
    for statement in ast.walk(function):
        if isinstance(statement, ast.Return) and isinstance(statement.value, ast.Name):
            given = statement.value.id in names and statement.value.id != "self"
            if given or statement.value.id in inner:
                return True
    return False


def _called_at_import(module: Module) -> frozenset[str]:
    known = module.memory.get("at import")
    if isinstance(known, frozenset):
        return known
    found = set()
    for call in module.nodes(ast.Call):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and module.function_of(call) is None:
            found.add(call.func.id)
    for function in module.nodes(*FUNCTIONS, ast.ClassDef):
        if isinstance(function, (*FUNCTIONS, ast.ClassDef)):
            for decorator in function.decorator_list:
                target = decorator.func if isinstance(decorator, ast.Call) else decorator
                if isinstance(target, ast.Name):
                    found.add(target.id)
    module.memory["at import"] = frozenset(found)
    return frozenset(found)


def is_unique(node: ast.expr, module: Module) -> bool:
    """Whether a key is another one every time: a counter, a time, a random number."""
    return any(module.called(part) in _UNIQUE for part in module.traced(node))


def is_boundless(node: ast.expr, module: Module) -> bool:
    """Whether clients choose the key, and are not known to have few to choose from."""
    return not is_of_few(node) and from_client(node, module)


def is_of_few(node: ast.expr) -> bool:
    """Whether a key speaks of something that a program has few of: classes, languages, plugins."""
    if isinstance(node, ast.Constant):
        return True
    if isinstance(node, ast.Tuple):
        return all(is_of_few(part) for part in node.elts)
    if isinstance(node, ast.Attribute):
        return node.attr in {"__name__", "__class__", "__qualname__", "__module__"} or bool(_FEW.search(node.attr))
    if isinstance(node, ast.Name):
        return bool(_FEW.search(node.id)) or node.id.isupper()
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "type"


def made_of(kept: tuple[ast.expr, ...], module: Module) -> Iterator[tuple[ast.AST, str]]:
    """The lines on which what is kept was made, as far as names lead back to them."""
    seen: set[int] = set()
    for expression in kept:
        for part in module.traced(expression):
            if not isinstance(part, ast.Name):
                continue
            for binding in module.bindings(part):
                line = getattr(binding.node, "lineno", None)
                if (
                    binding.kind == "assign"
                    and line is not None
                    and line not in seen
                    and module.function_of(binding.node)
                ):
                    seen.add(line)
                    yield binding.node, f"`{part.id}`, which is kept, is made here"
