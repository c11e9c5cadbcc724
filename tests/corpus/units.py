"""Requests and tasks: loops are looked for inside each, never across them."""

from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import path

from nplusone_guard.guard import watch
from tests.corpus.labels import healthy, loop
from tests.corpus.models import Author, Entry, Tag


def authors_view(request):
    lines = []
    # loop:request_with_a_loop origin:request_with_a_loop
    for entry in Entry.objects.order_by("pk"):
        lines.append(entry.author.name)  # site:request_with_a_loop
    return HttpResponse("\n".join(lines))


def joined_view(request):
    return HttpResponse("\n".join(e.author.name for e in Entry.objects.select_related("author")))


def author_view(request, slug):
    author = Author.objects.get(slug=slug)
    return HttpResponse(f"{author.name}, {author.country.name}")


def total_view(request):
    return HttpResponse(str(Entry.objects.count()))


urlpatterns = [
    path("authors/", authors_view),
    path("joined/", joined_view),
    path("authors/<slug:slug>/", author_view),
    path("total/", total_view),
]

urls = override_settings(ROOT_URLCONF=__name__)


@loop("lazy-relation", relation="corpus.Entry.author")
@urls
def request_with_a_loop(n):
    response = Client().get("/authors/")
    assert response.status_code == 200
    return response


@healthy(twin=request_with_a_loop)
@urls
def request_without_a_loop(n):
    assert Client().get("/joined/").status_code == 200


@healthy(grows=True)
@urls
def same_query_in_each_request(n):
    client = Client()
    for _i in range(n):
        assert client.get("/total/").status_code == 200


@healthy(grows=True)
@urls
def one_object_in_each_request(n):
    client = Client()
    for i in range(n):
        assert client.get(f"/authors/a{i}/").status_code == 200


def unit(name):
    """A scope as a task queue opens one for each task."""
    return watch(name, kind="task")


@loop("lazy-relation", relation="corpus.Entry.author")
def task_with_a_loop(n):
    with unit("report"):
        for entry in Entry.objects.order_by("pk"):  # loop origin
            entry.author.name  # site


@healthy(twin=task_with_a_loop, grows=True)
def one_query_in_each_task(n):
    for i in range(n):
        with unit("look-up"):
            Author.objects.get(slug=f"a{i}")


@loop("query-in-loop", origin=False)
def loop_around_and_inside_of_blocks(n):
    # Plain blocks are no units: what they ask is judged with what surrounds them.
    for i in range(n):  # loop
        with watch("part"):
            Author.objects.get(slug=f"a{i}")  # site


@healthy(twin=loop_around_and_inside_of_blocks)
def block_around_one_query(n):
    with watch("part"):
        Author.objects.in_bulk([f"a{i}" for i in range(n)], field_name="slug")


def tags_made_one_by_one(n):
    return [Tag.objects.create(name=f"New {i}") for i in range(n)]


@healthy(setup=tags_made_one_by_one)
def set_up_outside_of_the_scope(tags):
    Tag.objects.filter(pk__in=[tag.pk for tag in tags]).count()
