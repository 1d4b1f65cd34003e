from django.apps import AppConfig


class PeopleConfig(AppConfig):
    name = "people"

    def ready(self) -> None:
        import people.access.openapi  # noqa: F401 - drf-spectacular finds extensions by their being imported
