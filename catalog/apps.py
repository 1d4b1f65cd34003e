from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "catalog"

    def ready(self) -> None:
        from catalog.pages import inbox

        inbox.offer(10, inbox.of_catalog)
