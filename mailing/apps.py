from django.apps import AppConfig


class MailingConfig(AppConfig):
    name = "mailing"

    def ready(self) -> None:
        from catalog.pages import sections
        from mailing.letters import news, states, telling, unmatched
        from mailing.pages.views import follow_part

        telling.offer(news.News())
        telling.offer(states.States())
        telling.offer(unmatched.Unmatched())
        sections.offer(50, follow_part)
