"""A library as a Django project, with as many tests as asked for: the suite to be watched.

Nothing in it loops over queries but a test that makes its data. It holds what a suite
usually does: fixtures, pages with templates, forms, logins, reports, a ``TestCase``.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path

FILES = {
    "pytest.ini": """
        [pytest]
        addopts = --no-migrations -q
        pythonpath = .
        DJANGO_SETTINGS_MODULE = settings
        """,
    "settings.py": """
        SECRET_KEY = "benchmark"
        DATABASES = {"default": {}}
        INSTALLED_APPS = [
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.messages",
            "django.contrib.sessions",
            "library",
        ]
        MIDDLEWARE = [
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
        ]
        TEMPLATES = [
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ]
        PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
        ROOT_URLCONF = "library.urls"
        DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
        USE_TZ = True
        """,
    "library/__init__.py": "",
    "library/models.py": """
        from django.conf import settings
        from django.db import models


        class Author(models.Model):
            name = models.CharField(max_length=80)
            email = models.EmailField(blank=True)

            def best(self):
                return self.books.order_by("-price").first()


        class Tag(models.Model):
            name = models.CharField(max_length=20, unique=True)


        class Book(models.Model):
            author = models.ForeignKey(Author, models.CASCADE, related_name="books")
            tags = models.ManyToManyField(Tag, blank=True)
            title = models.CharField(max_length=120)
            price = models.DecimalField(max_digits=8, decimal_places=2)
            stock = models.PositiveIntegerField(default=0)


        class Loan(models.Model):
            book = models.ForeignKey(Book, models.CASCADE, related_name="loans")
            reader = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
            lent = models.DateTimeField(auto_now_add=True)
            returned = models.BooleanField(default=False)
        """,
    "library/forms.py": """
        from django import forms
        from library.models import Book


        class BookForm(forms.ModelForm):
            class Meta:
                model = Book
                fields = ["author", "title", "price", "stock"]
        """,
    "library/reports.py": """
        from decimal import Decimal

        from django.db import transaction
        from django.db.models import Avg, Count, F, Sum
        from library.models import Author, Book, Loan


        def totals():
            figures = Book.objects.aggregate(stock=Sum("stock"), price=Avg("price"))
            figures["lent"] = Loan.objects.filter(returned=False).count()
            return figures


        def shelves():
            return {
                author.name: author.number
                for author in Author.objects.annotate(number=Count("books")).order_by("name")
            }


        @transaction.atomic
        def lend(book, reader):
            taken = Book.objects.filter(pk=book.pk, stock__gt=0).update(stock=F("stock") - 1)
            if not taken:
                raise ValueError("nothing left")
            return Loan.objects.create(book=book, reader=reader)


        def reduce(author, percent):
            factor = Decimal(100 - percent) / 100
            return author.books.update(price=F("price") * factor)
        """,
    "library/views.py": """
        from django.contrib import messages
        from django.contrib.auth.decorators import login_required
        from django.core.paginator import Paginator
        from django.http import JsonResponse
        from django.shortcuts import get_object_or_404, redirect, render
        from library.forms import BookForm
        from library.models import Author, Book
        from library import reports


        def books(request):
            found = Book.objects.select_related("author").prefetch_related("tags").order_by("title")
            if request.GET.get("q"):
                found = found.filter(title__icontains=request.GET["q"])
            page = Paginator(found, 20).get_page(request.GET.get("page"))
            return render(request, "library/books.html", {"page": page})


        def book(request, pk):
            found = get_object_or_404(Book.objects.select_related("author"), pk=pk)
            tags = [tag.name for tag in found.tags.all()]
            return render(request, "library/book.html", {"book": found, "tags": tags})


        @login_required
        def edit(request, pk):
            form = BookForm(request.POST or None, instance=get_object_or_404(Book, pk=pk))
            if request.method == "POST" and form.is_valid():
                form.save()
                messages.success(request, "saved")
                return redirect("book", pk)
            return render(request, "library/edit.html", {"form": form})


        @login_required
        def lend(request, pk):
            loan = reports.lend(get_object_or_404(Book, pk=pk), request.user)
            return JsonResponse({"loan": loan.pk}, status=201)


        def author(request, pk):
            found = get_object_or_404(Author, pk=pk)
            titles = list(found.books.values_list("title", flat=True))
            return JsonResponse({"name": found.name, "titles": titles})


        def totals(request):
            return JsonResponse({**reports.totals(), "shelves": reports.shelves()})
        """,
    "library/urls.py": """
        from django.urls import path
        from library import views

        urlpatterns = [
            path("books/", views.books, name="books"),
            path("books/<int:pk>/", views.book, name="book"),
            path("books/<int:pk>/edit/", views.edit, name="edit"),
            path("books/<int:pk>/lend/", views.lend, name="lend"),
            path("authors/<int:pk>/", views.author, name="author"),
            path("totals/", views.totals, name="totals"),
        ]
        """,
    "library/templates/library/base.html": """
        <!doctype html>
        <title>{% block title %}Library{% endblock %}</title>
        <nav><a href="{% url 'books' %}">Books</a> {{ user.username|default:"nobody" }}</nav>
        {% for message in messages %}<p class="{{ message.tags }}">{{ message }}</p>{% endfor %}
        {% block main %}{% endblock %}
        """,
    "library/templates/library/books.html": """
        {% extends "library/base.html" %}
        {% block main %}
        <ul>
        {% for book in page %}
          <li><a href="{% url 'book' book.pk %}">{{ book.title }}</a> {{ book.author.name }}
            {{ book.price|floatformat:2 }}
            {% for tag in book.tags.all %}<i>{{ tag.name }}</i>{% endfor %}</li>
        {% empty %}<li>none</li>
        {% endfor %}
        </ul>
        {{ page.number }} of {{ page.paginator.num_pages }}
        {% endblock %}
        """,
    "library/templates/library/book.html": """
        {% extends "library/base.html" %}
        {% block title %}{{ book.title }}{% endblock %}
        {% block main %}<h1>{{ book.title }}</h1><p>{{ book.author.name }}: {{ book.price }}</p>
        {% for tag in tags %}<i>{{ tag }}</i>{% endfor %}{% endblock %}
        """,
    "library/templates/library/edit.html": """
        {% extends "library/base.html" %}
        {% block main %}<form method="post">{% csrf_token %}{{ form }}</form>{% endblock %}
        """,
    "conftest.py": """
        import pytest
        from library.models import Author, Book, Tag


        @pytest.fixture
        def tags(db):
            return Tag.objects.bulk_create([Tag(name=name) for name in ("new", "old", "rare")])


        @pytest.fixture
        def author(db):
            return Author.objects.create(name="Ursula", email="u@example.com")


        @pytest.fixture
        def book(author, tags):
            made = Book.objects.create(author=author, title="The Tombs", price=9, stock=2)
            made.tags.set(tags[:2])
            return made


        @pytest.fixture
        def shelf(book, tags):
            others = [Author(name=f"Author {number}") for number in range(4)]
            Author.objects.bulk_create(others)
            books = [
                Book(author=others[number % 4], title=f"Book {number}", price=number, stock=number)
                for number in range(8)
            ]
            Book.objects.bulk_create(books)
            return [book, *Book.objects.exclude(pk=book.pk)]


        @pytest.fixture
        def reader(django_user_model):
            return django_user_model.objects.create_user("ged", password="sparrow")


        @pytest.fixture
        def member(client, reader):
            client.force_login(reader)
            return client
        """,
}

#: Ten tests: seven of them run requests, one is of a ``TestCase``.
TESTS = """
    from decimal import Decimal

    import pytest
    from django.test import TestCase
    from library import reports
    from library.forms import BookForm
    from library.models import Author, Book, Loan


    def test_books_are_listed(client, shelf):
        text = client.get("/books/").content.decode()
        assert text.count("<li>") == 9
        assert "The Tombs" in text


    def test_books_are_found(client, author, shelf):
        for number in range(3):
            Book.objects.create(author=author, title=f"More {number}", price=1)
        assert client.get("/books/", {"q": "tombs"}).content.count(b"<li>") == 1
        assert client.get("/books/", {"q": "nothing"}).content.count(b"none") == 1


    def test_a_book_is_shown(client, book):
        response = client.get(f"/books/{book.pk}/")
        assert b"<h1>The Tombs</h1>" in response.content
        assert client.get("/books/12345/").status_code == 404


    def test_a_book_is_edited(member, book):
        assert member.get(f"/books/{book.pk}/edit/").status_code == 200
        values = {"author": book.author_id, "title": "Tehanu", "price": "12.50", "stock": 3}
        response = member.post(f"/books/{book.pk}/edit/", values)
        assert response.status_code == 302
        book.refresh_from_db()
        assert book.title == "Tehanu"


    def test_only_members_edit(client, book):
        assert client.get(f"/books/{book.pk}/edit/").status_code == 302


    def test_a_book_is_lent(member, reader, book):
        assert member.post(f"/books/{book.pk}/lend/").status_code == 201
        assert Loan.objects.get().reader == reader
        book.refresh_from_db()
        assert book.stock == 1


    def test_nothing_is_left(reader, book):
        Book.objects.update(stock=0)
        with pytest.raises(ValueError, match="nothing left"):
            reports.lend(book, reader)
        assert not Loan.objects.exists()
        Book.objects.filter(pk=book.pk).update(stock=1)
        reports.lend(book, reader)
        assert Loan.objects.exists()


    def test_prices_are_reduced(author, shelf):
        assert reports.reduce(author, 10) == 1
        assert author.books.get().price == Decimal("8.10")
        assert author.best().title == "The Tombs"


    def test_totals(client, shelf):
        found = client.get("/totals/").json()
        assert found["lent"] == 0
        assert found["shelves"]["Ursula"] == 1


    class TestForm(TestCase):
        @classmethod
        def setUpTestData(cls):
            cls.author = Author.objects.create(name="Ursula")

        def test_a_price_is_needed(self):
            form = BookForm({"author": self.author.pk, "title": "Tehanu", "stock": 1})
            self.assertFalse(form.is_valid())
            self.assertEqual(list(form.errors), ["price"])
            self.assertEqual(Book.objects.count(), 0)
    """
TESTS_A_FILE = 10


SQLITE = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}


def write(directory: Path, tests: int = 500, database: Mapping[str, object] | None = None) -> None:
    """Write the project, with about ``tests`` tests, into ``directory``.

    ``database`` is the default one in Django's terms: by default SQLite in memory.
    """
    modules = range(-(-tests // TESTS_A_FILE))
    files = {**FILES, **{f"tests/test_{number:03}.py": TESTS for number in modules}}
    shown = repr({"default": dict(database or SQLITE)})
    files["settings.py"] = files["settings.py"].replace('{"default": {}}', shown)
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
