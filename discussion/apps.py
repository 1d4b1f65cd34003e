from django.apps import AppConfig


class DiscussionConfig(AppConfig):
    name = "discussion"

    def ready(self) -> None:
        from catalog import parts
        from discussion.pages import discussion_part

        parts.offer(discussion_part)
