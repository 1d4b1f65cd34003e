from django.apps import AppConfig


class DiscussionConfig(AppConfig):
    name = "discussion"

    def ready(self) -> None:
        from catalog.pages import inbox, sections
        from discussion.comments.views import discussion_part
        from discussion.moderating import waiting

        sections.offer(40, discussion_part)
        inbox.offer(30, waiting.queues)
