"""Who uses the pages. Called in the site's side process, through `Site.do`."""

PASSWORD = "correct horse battery staple"


def with_password(name: str) -> None:
    """A user who may do everything and logs in by the form."""
    from django.contrib.auth import get_user_model

    get_user_model().objects.create_superuser(name, password=PASSWORD)


def session_of(name: str, *rights: str) -> str:
    """The session of a member of staff with these rights of Django; with none named, of a superuser."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
    from django.contrib.auth.models import Permission
    from django.contrib.sessions.backends.db import SessionStore

    user, _ = get_user_model().objects.get_or_create(username=name, is_staff=True, is_superuser=not rights)
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="pool", codename__in=rights))
    store = SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.create()
    return str(store.session_key)
