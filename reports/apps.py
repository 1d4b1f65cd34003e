from django.apps import AppConfig


class ReportsConfig(AppConfig):
    name = "reports"

    def ready(self) -> None:
        from catalog.pages import sections
        from reports.pages.views import evidence_part, operations_part, reproducer_part

        sections.offer(operations_part)
        sections.offer(evidence_part)
        sections.offer(reproducer_part)
