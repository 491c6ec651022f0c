"""All rules. A new one is a file in `rules`, a line below, a test file and a heading in docs/reference/rules.md."""

from __future__ import annotations

from typing import Final

from leakhunt.scan.base import Rule
from leakhunt.scan.rules import (
    cache_on_method,
    cache_on_request,
    cache_without_limit,
    client_per_call,
    collector_off,
    context_variable,
    debug_on,
    executor_per_call,
    finalizer_in_cycle,
    frames_kept,
    generator_kept,
    global_container,
    handler_per_request,
    image_not_closed,
    metric_labels,
    mutable_default,
    queryset_held,
    rows_accumulated,
    service_container,
    signal_per_request,
    task_results,
    temporary_file,
    upload_copy,
    upload_read,
    upload_settings,
)

RULES: Final[tuple[Rule, ...]] = (
    upload_read.RULE,
    upload_copy.RULE,
    global_container.RULE,
    service_container.RULE,
    cache_on_method.RULE,
    cache_on_request.RULE,
    cache_without_limit.RULE,
    rows_accumulated.RULE,
    queryset_held.RULE,
    debug_on.RULE,
    image_not_closed.RULE,
    signal_per_request.RULE,
    handler_per_request.RULE,
    executor_per_call.RULE,
    client_per_call.RULE,
    frames_kept.RULE,
    finalizer_in_cycle.RULE,
    collector_off.RULE,
    mutable_default.RULE,
    context_variable.RULE,
    temporary_file.RULE,
    generator_kept.RULE,
    metric_labels.RULE,
    task_results.RULE,
    upload_settings.RULE,
)
