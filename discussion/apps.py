from django.apps import AppConfig


class DiscussionConfig(AppConfig):
    name = "discussion"

    def ready(self) -> None:
        from catalog.pages import sections
        from discussion.comments.views import discussion_part

        sections.offer(40, discussion_part)
