from catalog.models.cases import Alias, Case, Claim, Effect, Link, Subsystem
from catalog.models.courses import Course
from catalog.models.entries import Entry, Word
from catalog.models.measured import KernelBuild, Tally, Total
from catalog.models.meetings import Meeting, Point
from catalog.models.strategies import Serving, Strategy
from catalog.models.text import Document, LoadedFile, Revision, Unsaved

__all__ = [
    "Alias",
    "Case",
    "Claim",
    "Course",
    "Document",
    "Effect",
    "Entry",
    "KernelBuild",
    "Link",
    "LoadedFile",
    "Meeting",
    "Point",
    "Revision",
    "Serving",
    "Strategy",
    "Subsystem",
    "Tally",
    "Total",
    "Unsaved",
    "Word",
]
