from django.apps import AppConfig


class ReportsConfig(AppConfig):
    name = "reports"

    def ready(self) -> None:
        from catalog.pages import sections
        from reports.pages.case_sections import evidence_part, operations_part, reproducer_part

        sections.offer(10, operations_part)
        sections.offer(20, evidence_part)
        sections.offer(30, reproducer_part)
