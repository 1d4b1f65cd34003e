from reports.models.counters import LedgerLine, LikenessLine
from reports.models.judgments import Judgment, Ruling, RulingQuerySet
from reports.models.kcidb import KcidbObject
from reports.models.kept import Kept, KeptQuerySet
from reports.models.observations import Evidence, EvidenceQuerySet, Observation
from reports.models.reports import Payload, Report, ReportQuerySet, Requeue, State, Turn
from reports.models.shared import Shared, SharedQuerySet, may_see_raw

__all__ = [
    "Evidence",
    "EvidenceQuerySet",
    "Judgment",
    "KcidbObject",
    "Kept",
    "KeptQuerySet",
    "LedgerLine",
    "LikenessLine",
    "Observation",
    "Payload",
    "Report",
    "ReportQuerySet",
    "Requeue",
    "Ruling",
    "RulingQuerySet",
    "Shared",
    "SharedQuerySet",
    "State",
    "Turn",
    "may_see_raw",
]
