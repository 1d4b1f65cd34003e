import os

from django.core.wsgi import get_wsgi_application

from config.middleware.bodies import ReadFirst

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = ReadFirst(get_wsgi_application())
