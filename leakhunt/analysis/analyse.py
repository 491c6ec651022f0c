"""From a recorded run to its report. Pure: the same run always gives the same report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from leakhunt.analysis.assess import judge_routes
from leakhunt.analysis.blocks import Experiment, memory_signal
from leakhunt.analysis.case import Case
from leakhunt.analysis.chart import chart_series, phase_spans
from leakhunt.analysis.evidence import evidence_rows, route_evidence, total_growth
from leakhunt.analysis.explain import alone_rounds
from leakhunt.analysis.hazards import find_hazards
from leakhunt.analysis.holdings import already_there
from leakhunt.analysis.hotspots import find_hotspots, flame_stacks
from leakhunt.analysis.idle import Idle, background_report, read_run
from leakhunt.analysis.inputs import compare_inputs, verdict_inputs
from leakhunt.analysis.join import Lead
from leakhunt.analysis.judge import RouteJudgement
from leakhunt.analysis.leads import find_leads
from leakhunt.analysis.memory_split import memory_reports
from leakhunt.analysis.natural import natural_report
from leakhunt.analysis.next_step import next_command
from leakhunt.analysis.plateau import plateau_paths
from leakhunt.analysis.processes import worker_reports
from leakhunt.analysis.responses import NO_RESPONSES, count_responses, failed_once
from leakhunt.analysis.routes import route_report
from leakhunt.analysis.series import JUDGED_PHASES
from leakhunt.analysis.suspects import find_suspects, per_second, weight
from leakhunt.analysis.thresholds import Thresholds, planned_thresholds
from leakhunt.analysis.upgrade import settle_by_cap, upgrade
from leakhunt.analysis.verdict import run_judgement
from leakhunt.analysis.watched import watched_judgement
from leakhunt.model.report import BackgroundReport, Report, RouteEvidence, RouteReport, Suspect, Verdict
from leakhunt.model.run import BACKGROUND, NATURAL, WATCHED, Caveat, Phase, Run
from leakhunt.units import Bytes, Seconds, format_size

SCHEMA: Final = 1
LIVE_UNREAD: Final = "live-unread"
"""Code of the caveat that the verdict rests on anonymous memory."""


def analyse(run: Run, thresholds: Thresholds | None = None) -> Report:
    """Everything that can be said about a run, by the budget it was made for unless other `thresholds` are given."""
    thresholds = thresholds or planned_thresholds(run.plan)
    if run.plan.workload == NATURAL:
        return replace(natural_report(run, thresholds, SCHEMA), already_there=already_there(run))
    experiment, idle = read_run(run, thresholds)
    ledger = experiment.ledger
    leads = find_leads(run)
    cases = _cases(run, experiment, leads)
    routes = tuple(case.report for case in cases)
    background, with_time = (None, ()) if idle is None else _background(run, idle, leads.get(BACKGROUND, ()))
    suspects = (*_suspects(cases, thresholds), *with_time)
    if run.plan.workload == WATCHED:
        judgement = watched_judgement(run)
    else:
        judgement = run_judgement(run, experiment, routes, background)
    memory = memory_reports(run)
    judged = ledger.of_phase(*JUDGED_PHASES)
    basis = memory_signal(judged)
    growth = total_growth(judged, basis)
    return Report(
        schema=SCHEMA,
        name=run.name,
        started_at=run.started_at,
        leakhunt=run.leakhunt,
        duration=_duration(run),
        plan=run.plan,
        conditions=run.conditions,
        judgement=judgement,
        routes=routes,
        suspects=suspects,
        hotspots=find_hotspots(run),
        workers=worker_reports(run, ledger),
        series=chart_series(run),
        phases=phase_spans(run),
        evidence=evidence_rows(ledger, basis),
        explained=_explained(experiment, suspects, growth),
        growth=growth,
        warm_up_growth=total_growth(ledger.of_phase(Phase.WARM_UP, Phase.BASELINE), basis),
        caveats=(*run.caveats, *_caveats(run, experiment)),
        cost=run.cost,
        next_command=next_command(run, judgement, cases, suspects),
        outcome=run.outcome,
        flame=flame_stacks(run),
        route_evidence=_evidence(experiment, cases),
        memory=memory,
        hazards=find_hazards(routes, memory),
        background=background,
        already_there=already_there(run),
    )


def _duration(run: Run) -> Seconds:
    if run.plan.workload == WATCHED:
        return max((point.time for point in run.timeline), default=0.0)
    return run.rounds[-1].ended if run.rounds else 0.0


def _background(run: Run, idle: Idle, leads: Sequence[Lead]) -> tuple[BackgroundReport, tuple[Suspect, ...]]:
    """What grows with time, and who holds it: found as for a route whose requests are seconds."""
    final = upgrade(idle.experiment, idle.judgement, leads, run.containers)
    rate = route_report(run, idle.experiment, final, NO_RESPONSES)
    case = Case(run, final, rate, tuple(leads), bool(leads))
    suspects = () if final.verdict is Verdict.CLEAN else find_suspects(case)
    return background_report(idle, final, rate), tuple(per_second(suspect) for suspect in suspects)


def _cases(run: Run, experiment: Experiment, leads: Mapping[str, tuple[Lead, ...]]) -> tuple[Case, ...]:
    responses = count_responses(run)
    explained = {alone.route for alone in alone_rounds(run)}
    stores = plateau_paths(run)
    finals = {
        route: upgrade(experiment, judgement, leads.get(route, ()), run.containers)
        for route, judgement in judge_routes(run, experiment).items()
    }
    full = _fullest(finals.values())
    cases = []
    for route, judgement in finals.items():
        holds = stores if route == full else ()
        final = settle_by_cap(experiment, judgement, holds, run.containers)
        report = _with_inputs(run, experiment, route_report(run, experiment, final, responses[route]))
        # Growth that has a cap and goes on is told by its leads, which see it grow.
        full_store = final.state == "bounded" and (final.early is not None or judgement.state == "open")
        mine = leads.get(route, ())
        cases.append(Case(run, final, report, mine, route in explained, holds if full_store else ()))
    return tuple(sorted(cases, key=lambda case: _rank(case.report)))


def _fullest(judgements: Iterable[RouteJudgement]) -> str | None:
    """The bounded route that kept most before it stopped, or the only one that is undecided: it filled the stores."""
    every = tuple(judgements)
    bounded = [judgement for judgement in every if judgement.state == "bounded" and judgement.early is not None]
    undecided = [judgement for judgement in every if judgement.state == "open"]
    if bounded:
        return max(bounded, key=lambda each: each.early or 0.0).route
    return undecided[0].route if len(undecided) == 1 else None


def _with_inputs(run: Run, experiment: Experiment, report: RouteReport) -> RouteReport:
    reason = compare_inputs(experiment.ledger, report, verdict_inputs(run))
    return report if reason is None else replace(report, reasons=(*report.reasons, reason))


def _rank(report: RouteReport) -> tuple[int, float]:
    order = (Verdict.LEAK, Verdict.INCONCLUSIVE, Verdict.BOUNDED, Verdict.CLEAN)
    return order.index(report.verdict), -(report.bytes_per_request or 0.0)


def _suspects(cases: Sequence[Case], thresholds: Thresholds) -> tuple[Suspect, ...]:
    found = [suspect for case in cases if case.report.verdict is not Verdict.CLEAN for suspect in find_suspects(case)]
    leaking = {case.report.route for case in cases if case.report.verdict is Verdict.LEAK}
    return tuple(sorted(found, key=lambda s: (s.route not in leaking, -weight(s, thresholds))))


def _evidence(experiment: Experiment, cases: Sequence[Case]) -> tuple[RouteEvidence, ...]:
    rows = (
        route_evidence(experiment, case.judgement, case.report.bytes_per_request_basis)
        for case in cases
        if case.report.verdict is not Verdict.CLEAN
    )
    return tuple(row for row in rows if row is not None)


def _explained(experiment: Experiment, suspects: Sequence[Suspect], growth: Bytes | None) -> Bytes | None:
    """Growth that suspects account for: their bytes per request times the requests of the verdict rounds."""
    if growth is None:
        return None
    rows = experiment.ledger.of_phase(*JUDGED_PHASES)
    requests = {route: sum(row.doses.get(route, 0) for row in rows) for route in experiment.ledger.routes}
    claimed = sum((suspect.bytes_per_request or 0.0) * requests.get(suspect.route, 0) for suspect in suspects)
    return round(max(0.0, min(claimed, float(growth))))


def _caveats(run: Run, experiment: Experiment) -> list[Caveat]:
    caveats = []
    if run.plan.workload == WATCHED:
        text = "memory was only watched, from outside: what was requested meanwhile is not known"
        caveats.append(Caveat("only-watched", text))
    for step, responses in failed_once(run).items():
        text = f"{step}, sent once, got {' and '.join(responses.statuses)}; what it was to prepare may be missing"
        caveats.append(Caveat("once-failed", text))
    short = len(experiment.ledger.short)
    if short:
        text = f"{short} process lives were too short to judge: fewer than {experiment.thresholds.minimum_life} rounds"
        caveats.append(Caveat("short-lives", text))
    if not experiment.ledger.split_known:
        caveats.append(Caveat("no-route-marks", "no worker tells which requests it served; run with one worker"))
    silent = _silent_allocator(run)
    if silent is not None:
        budget = format_size(experiment.thresholds.anonymous)
        text = f"live bytes cannot be read, for {silent}: leaks are told by anonymous memory, from {budget} per request"
        caveats.append(Caveat(LIVE_UNREAD, text))
    return caveats


def _silent_allocator(run: Run) -> str | None:
    """What keeps live bytes from being read, of the first worker where the heap was read without them."""
    for sample in (sample for round_ in run.rounds for sample in round_.samples):
        heap = sample.heap
        if heap is not None and heap.malloc is None:
            names = {split.worker: split.allocator for split in run.splits}
            return f"its malloc ({names.get(sample.worker, 'unknown')}) does not tell what is in use"
        if heap is not None and heap.pymalloc is None:
            return "the allocator of its Python objects does not tell what is in use"
    return None
