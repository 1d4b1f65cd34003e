from django.apps import AppConfig


class ReportsConfig(AppConfig):
    name = "reports"

    def ready(self) -> None:
        from catalog.measured.waits import boots
        from catalog.pages import inbox, sections
        from reports.pages.case_sections import evidence_part, operations_part, over_time_part, reproducer_part
        from reports.review import waiting
        from reports.totals.boots import count_boots

        sections.offer(10, operations_part)
        sections.offer(20, evidence_part)
        sections.offer(25, over_time_part)
        sections.offer(30, reproducer_part)
        boots.offer(count_boots)
        inbox.offer(20, waiting.queues)
