from django.apps import AppConfig


class ReportsConfig(AppConfig):
    name = "reports"

    def ready(self) -> None:
        from catalog import parts
        from reports.pages import evidence_part, operations_part, reproducer_part

        parts.offer(operations_part)
        parts.offer(evidence_part)
        parts.offer(reproducer_part)
