from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        """Whatever process this is, tasks belong to our Celery app and not to Celery's default one."""
        import config.celery
        import config.startup.checks  # noqa: F401
