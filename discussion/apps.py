from django.apps import AppConfig


class DiscussionConfig(AppConfig):
    name = "discussion"

    def ready(self) -> None:
        from catalog.pages import inbox, sections
        from discussion.answers import waiting as of_answers
        from discussion.comments.told import Comments
        from discussion.comments.views import discussion_part
        from discussion.moderating import waiting
        from mailing.letters import telling

        sections.offer(40, discussion_part)
        inbox.offer(30, waiting.queues)
        inbox.offer(31, of_answers.queues)
        telling.offer(Comments())
