"""What runs once per request or task, and which of its values come from the client."""

from __future__ import annotations

import ast
import re
from typing import Final

from leakhunt.scan.module import Module
from leakhunt.scan.names import FUNCTIONS, FunctionDef, parameters

REQUEST_NAMES: Final = frozenset(("request", "req", "environ"))
_REQUEST_TYPES: Final = frozenset(
    ("Request", "HttpRequest", "WSGIRequest", "ASGIRequest", "WebSocket", "HTTPConnection")
)
_UPLOAD_TYPES: Final = frozenset(
    ("UploadedFile", "InMemoryUploadedFile", "TemporaryUploadedFile", "UploadFile", "FileStorage")
)
_VERBS: Final = frozenset(("route", "get", "post", "put", "patch", "delete", "head", "websocket", "api_route"))
_DECORATORS: Final = frozenset((
    "require_POST", "require_GET", "require_safe", "require_http_methods", "csrf_exempt", "login_required",
    "permission_required", "api_view", "shared_task", "view_config", "never_cache", "staff_member_required",
))  # fmt: skip
_TASKS: Final = frozenset(("task", "periodic_task", "shared_task", "actor", "db_task"))
_VIEW_BASE: Final = re.compile(r"(View|ViewSet|Resource|RequestHandler|Consumer|Endpoint)$")
_VIEW_METHODS: Final = frozenset((
    "get", "post", "put", "patch", "delete", "head", "options", "dispatch", "list", "create", "retrieve", "update",
    "partial_update", "destroy", "perform_create", "perform_update", "form_valid", "form_invalid", "get_queryset",
    "get_context_data", "get_object", "receive", "receive_json", "on_get", "on_post", "on_put",
))  # fmt: skip
_MIDDLEWARE: Final = frozenset(("__call__", "process_request", "process_view", "process_response", "dispatch"))
_BASIC: Final = frozenset(("self", "cls", "mcs"))


def is_handler(function: ast.AST, module: Module) -> bool:
    """Whether a server or a task queue calls this function, once per request or task."""
    if not isinstance(function, FUNCTIONS):
        return False
    names = [argument.arg for argument, _ in parameters(function.args)]
    owner = module.method_class(function)
    return (
        any(_serves(decorator, module) for decorator in function.decorator_list)
        or {"environ", "start_response"} <= set(names)
        or {"scope", "receive", "send"} <= set(names)
        or _gets_request(function, owner)
        or (owner is not None and _is_view_method(function.name, owner, module))
    )


def per_request(node: ast.AST, module: Module) -> bool:
    """Whether `node` runs in a handler, or in a function of the file that one of its handlers calls."""
    served = _served(module)
    function = module.function_of(node)
    while function is not None:
        if function in served:
            return True
        function = module.function_of(function)
    return False


def is_task(function: FunctionDef, module: Module) -> bool:
    """Whether a task queue calls it."""
    return any(_last(_decorator_name(decorator, module)) in _TASKS for decorator in function.decorator_list)


def is_request(node: ast.expr, module: Module) -> bool:
    """Whether this is the request itself."""
    if isinstance(node, ast.Attribute):
        return node.attr == "request" and isinstance(node.value, ast.Name) and node.value.id in {"self", "info"}
    if not isinstance(node, ast.Name):
        return False
    bindings = module.bindings(node)
    if any(binding.kind == "import" for binding in bindings):
        return any(binding.imported in {"flask.request", "quart.request", "bottle.request"} for binding in bindings)
    arguments = [binding.node for binding in bindings if isinstance(binding.node, ast.arg)]
    return any(argument.arg in REQUEST_NAMES or _mentions(argument, _REQUEST_TYPES) for argument in arguments)


def from_client(node: ast.expr, module: Module) -> bool:
    """Whether a value is made of what a client sends: the request, an upload, or an argument of a handler."""
    return any(_is_source(part, module) for part in module.traced(node))


def is_upload(node: ast.expr | None, module: Module, steps: int = 6) -> bool:
    """Whether this is an uploaded file."""
    if node is None or not steps:
        return False
    if isinstance(node, ast.Name):
        return any(
            _is_upload_argument(binding.node)
            or (binding.kind in {"assign", "with"} and is_upload(binding.value, module, steps - 1))
            or (binding.kind == "loop" and binding.value is not None and _are_uploads(binding.value, module))
            for binding in module.bindings(node)
        )
    if isinstance(node, (ast.Await, ast.NamedExpr)):
        return is_upload(node.value, module, steps - 1)
    if isinstance(node, ast.Attribute):
        return node.attr in {"file", "stream"} and is_upload(node.value, module, steps - 1)
    if isinstance(node, (ast.IfExp, ast.BoolOp)):
        choices = node.values if isinstance(node, ast.BoolOp) else [node.body, node.orelse]
        return any(is_upload(value, module, steps - 1) for value in choices)
    return _is_upload_item(node, module) or _is_upload_call(node, module, steps)


def is_whole_upload(node: ast.expr | None, module: Module, steps: int = 6) -> bool:
    """Whether these are all bytes of an uploaded file."""
    if node is None or not steps:
        return False
    if isinstance(node, (ast.Await, ast.NamedExpr)):
        return is_whole_upload(node.value, module, steps - 1)
    if isinstance(node, ast.Name):
        return any(is_whole_upload(value, module, steps - 1) for value in module.values(node))
    return reads_all(node) and isinstance(node, ast.Call) and is_upload(_receiver(node), module)


def reads_all(node: ast.AST) -> bool:
    """Whether this is a call of `read`, `readlines` or `getvalue` without a size."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.keywords:
        return False
    if node.func.attr != "read":
        return node.func.attr == "readlines" and not node.args
    return not node.args or (isinstance(node.args[0], ast.UnaryOp) and isinstance(node.args[0].op, ast.USub))


def _receiver(node: ast.Call) -> ast.expr | None:
    return node.func.value if isinstance(node.func, ast.Attribute) else None


def _served(module: Module) -> set[ast.AST]:
    """Handlers of the file, and all functions of the file that these call, directly or not."""
    known = module.memory.get("served")
    if isinstance(known, set):
        return known
    functions = module.nodes(*FUNCTIONS)
    served = {function for function in functions if is_handler(function, module)}
    if served:
        calls = _calls(module)
        waiting = list(served)
        while waiting:
            for callee in calls.get(waiting.pop(), ()):
                if callee not in served:
                    served.add(callee)
                    waiting.append(callee)
    module.memory["served"] = served
    return served


def _calls(module: Module) -> dict[ast.AST, set[ast.AST]]:
    """Which functions of the file each function of the file calls, by name or through `self`."""
    by_name = {function.name: function for function in module.tree.body if isinstance(function, FUNCTIONS)}
    found: dict[ast.AST, set[ast.AST]] = {}
    for call in module.nodes(ast.Call):
        caller = module.function_of(call)
        if caller is None or not isinstance(call, ast.Call):
            continue
        callee: ast.AST | None = None
        if isinstance(call.func, ast.Name):
            callee = by_name.get(call.func.id)
        elif isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name):
            owner = module.class_of(call) if call.func.value.id in _BASIC else None
            callee = method(owner, call.func.attr)
        if callee is not None:
            found.setdefault(caller, set()).add(callee)
    return found


def method(owner: ast.ClassDef | None, name: str) -> FunctionDef | None:
    """The method of that name which the class itself defines."""
    body = owner.body if owner is not None else ()
    return next((each for each in body if isinstance(each, FUNCTIONS) and each.name == name), None)


def _serves(decorator: ast.expr, module: Module) -> bool:
    name = _decorator_name(decorator, module)
    last = _last(name)
    if last in _DECORATORS or last in _TASKS:
        return True
    return (
        last in _VERBS
        and isinstance(decorator, ast.Call)
        and bool(decorator.args)
        and isinstance(decorator.args[0], ast.Constant)
        and isinstance(decorator.args[0].value, str)
    )


def _decorator_name(decorator: ast.expr, module: Module) -> str:
    target = decorator.func if isinstance(decorator, ast.Call) else decorator
    if isinstance(target, ast.Attribute):
        return target.attr
    return module.resolve(target) or (target.id if isinstance(target, ast.Name) else "")


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _gets_request(function: FunctionDef, owner: ast.ClassDef | None) -> bool:
    """The request comes first, as it does to views; constructors and properties only hold it."""
    if function.name.startswith("__") and function.name != "__call__":
        return False
    arguments = [argument for argument, _ in parameters(function.args) if argument.arg not in _BASIC]
    if any(_mentions(argument, _REQUEST_TYPES | _UPLOAD_TYPES) for argument in arguments):
        return True
    return bool(arguments) and arguments[0].arg == "request" and (owner is None or function.name != "__init__")


def _is_view_method(name: str, owner: ast.ClassDef, module: Module) -> bool:
    bases = [_last(_decorator_name(base, module)) for base in owner.bases]
    if name in _VIEW_METHODS and any(_VIEW_BASE.search(base) for base in bases):
        return True
    return name in _MIDDLEWARE and ("Middleware" in owner.name or any("Middleware" in base for base in bases))


def _is_source(node: ast.expr, module: Module) -> bool:
    if is_request(node, module):
        return True
    if not isinstance(node, ast.Name):
        return False
    for binding in module.bindings(node):
        if isinstance(binding.node, ast.arg) and binding.node.arg not in _BASIC:
            if _is_upload_argument(binding.node):
                return True
            function = module.parent(module.parent(binding.node) or module.tree)
            if function is not None and is_handler(function, module):
                return True
    return False


def _mentions(argument: ast.arg, types: frozenset[str]) -> bool:
    """Whether the annotation names one of these types, also inside `Optional`, `list` or quotes."""
    annotation = argument.annotation
    if annotation is None:
        return False
    for part in ast.walk(annotation):
        name = part.id if isinstance(part, ast.Name) else part.attr if isinstance(part, ast.Attribute) else None
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            if types & set(re.findall(r"\w+", part.value)):
                return True
        elif name in types:
            return True
    return False


def _is_upload_argument(node: ast.AST) -> bool:
    return isinstance(node, ast.arg) and _mentions(node, _UPLOAD_TYPES)


def _is_files(node: ast.expr, module: Module) -> bool:
    """`request.FILES`, or `request.files` of Flask; also a name for it."""
    if isinstance(node, ast.Name):
        return any(_is_files(value, module) for value in module.values(node) if not isinstance(value, ast.Name))
    if not isinstance(node, ast.Attribute):
        return False
    return node.attr == "FILES" or (node.attr == "files" and is_request(node.value, module))


def _is_upload_item(node: ast.expr, module: Module) -> bool:
    return isinstance(node, ast.Subscript) and (_is_files(node.value, module) or _is_cleaned_file(node))


def _is_cleaned_file(node: ast.Subscript) -> bool:
    """`form.cleaned_data["file"]`: by its key, since fields are declared elsewhere."""
    key = node.slice
    return (
        isinstance(node.value, ast.Attribute)
        and node.value.attr == "cleaned_data"
        and isinstance(key, ast.Constant)
        and isinstance(key.value, str)
        and re.search(r"(^|_)(file|upload)$", key.value) is not None
    )


def _is_upload_call(node: ast.expr, module: Module, steps: int) -> bool:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    if node.func.attr in {"get", "pop"}:
        return _is_files(node.func.value, module)
    return node.func.attr == "open" and is_upload(node.func.value, module, steps - 1)


def _are_uploads(node: ast.expr, module: Module) -> bool:
    """A collection of uploaded files: `request.FILES.getlist("files")`, `files: list[UploadFile]`."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr in {"getlist", "values", "items"} and _is_files(node.func.value, module)
    if isinstance(node, ast.Name):
        return any(
            _is_upload_argument(binding.node)
            or (binding.kind == "assign" and binding.value is not None and _are_uploads(binding.value, module))
            for binding in module.bindings(node)
            if not isinstance(binding.value, ast.Name)
        )
    return False
