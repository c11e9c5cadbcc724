"""Views that render the templates beside this file, with what a request asks to load."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.template import Context, Template
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe
from django.views.generic import DetailView, ListView
from jinja2 import DictLoader, Environment

from tests.corpus import models as m


def loaded(queryset, request):
    """``?select=author&prefetch=tags`` is what cures a page."""
    for lookup in request.GET.getlist("select"):
        queryset = queryset.select_related(lookup)
    return queryset.prefetch_related(*request.GET.getlist("prefetch"))


class Stream:
    """A sequence that has a length, and makes its items as they are asked for."""

    def __init__(self, queryset):
        self.queryset = queryset

    def __len__(self):
        return self.queryset.count()

    def __iter__(self):
        yield from self.queryset.iterator()


def page(request, name):
    return render(request, f"rendering/{name}.html", everything(request))


def jinja_page(request, name):
    return render(request, f"{name}.html", everything(request), using="jinja")


def everything(request):
    on = request.GET.get("on", "entries")
    querysets = {
        "entries": m.Entry.objects.order_by("pk"),
        "others": m.Entry.objects.order_by("-pk"),
        "authors": m.Author.objects.order_by("pk"),
        "cities": m.City.objects.order_by("pk"),
    }
    for key in on.split(","):
        querysets[key] = loaded(querysets[key], request)
    first, second = m.Author.objects.order_by("pk")[:2]
    return {
        **querysets,
        "first": first,
        "second": second,
        "nothing": [],
        "stream": Stream(querysets["entries"]),
        "chosen": "rendering/row.html",
        "node": m.Category.objects.get(slug="tree"),
        "categories": m.Category.objects.order_by("slug"),
    }


def inline(request):
    entries = loaded(m.Entry.objects.all(), request)
    text = "\n{% for entry in entries %}\n{{ entry.author.name }}{% endfor %}"
    return HttpResponse(Template(text).render(Context({"entries": entries})))  # @inline


def inline_twice(request):
    entries = loaded(m.Entry.objects.all(), request)
    text = (
        "{% for entry in entries %}{{ entry.author.name }}{% endfor %}"
        "{% for entry in entries %}{{ entry.blog.owner.name }}{% endfor %}"
    )
    return HttpResponse(Template(text).render(Context({"entries": entries})))  # @inline_twice


def inline_once(request):
    """Two look-ups of one shape in a template that is rendered once."""
    first, second = m.Author.objects.order_by("pk")[:2]
    text = "{{ first.entries.count }} {{ second.entries.count }}"
    return HttpResponse(Template(text).render(Context({"first": first, "second": second})))


def inline_each(request):
    parts = [
        Template("{{ entry.author.name }}").render(Context({"entry": entry}))  # @inline_each
        for entry in loaded(m.Entry.objects.all(), request)  # @inline_each_for
    ]
    return HttpResponse("".join(parts))


def jinja_inline(request):
    entries = loaded(m.Entry.objects.all(), request)
    text = "\n{% for entry in entries %}\n{{ entry.author.name }}{% endfor %}"
    return HttpResponse(Environment().from_string(text).render(entries=entries))  # @j_inline


def jinja_inline_each(request):
    parts = [
        Environment().from_string("{{ entry.author.name }}").render(entry=entry)  # @j_inline_each
        for entry in loaded(m.Entry.objects.all(), request)  # @j_inline_each_for
    ]
    return HttpResponse("".join(parts))


def jinja_bare(request):
    """Templates that have no file, and not Django's backend either."""
    row = "{% for entry in entries %}\n{{ entry.author.name }}{% endfor %}"
    environment = Environment(loader=DictLoader({"mail.txt": row}))
    entries = loaded(m.Entry.objects.all(), request)
    return HttpResponse(environment.get_template("mail.txt").render(entries=entries))


def rows(request):
    parts = []
    for entry in loaded(m.Entry.objects.all(), request):  # @rows_for
        parts.append(render_to_string("rendering/row.html", {"entry": entry}))
    return HttpResponse("".join(parts))


def by_name(request):
    entries = loaded(m.Entry.objects.order_by("pk"), request)  # @by_name_entries
    return render(request, "rendering/variable.html", {"entries": entries})  # @by_name


def plainly(request):
    entries = m.Entry.objects.order_by("pk")  # @plainly_entries
    return render(request, "rendering/variable.html", {"entries": entries})


def by_hand(request):
    context = {"others": 1}
    context["entries"] = loaded(m.Entry.objects.order_by("pk"), request)  # @by_hand_entries
    return render(request, "rendering/variable.html", context)


def directly(request):
    context = {
        "others": [],
        "entries": loaded(m.Entry.objects.order_by("pk"), request),  # @directly_entries
    }
    return render(request, "rendering/variable.html", context)


def paginated(request):
    entries = loaded(m.Entry.objects.order_by("pk"), request)
    number = Paginator(entries, 3).get_page(1)  # @paginated_number
    return render(request, "rendering/variable.html", {"entries": number})


class Entries(ListView):
    model = m.Entry  # @entries_model
    template_name = "rendering/variable.html"
    context_object_name = "entries"


class HealthyEntries(Entries):
    queryset = m.Entry.objects.select_related("author")


class PagedEntries(Entries):
    paginate_by = 3
    ordering = "pk"

    def get_queryset(self):  # @paged_get_queryset
        return loaded(super().get_queryset(), self.request)


def of_author(request, pk):
    author = m.Author.objects.get(pk=pk)
    return render(request, "rendering/author.html", {"author": author, "tags": []})


def of_author_or_404(request, pk):
    author = get_object_or_404(m.Author, pk=pk)
    return render(request, "rendering/author.html", {"author": author, "tags": []})


def of_loaded_author(request, pk):
    author = m.Author.objects.prefetch_related("entries__blog").get(pk=pk)
    return render(request, "rendering/author.html", {"author": author, "tags": []})


class AuthorDetail(DetailView):
    queryset = m.Author.objects.all()
    template_name = "rendering/author.html"

    def get_context_data(self, **kwargs):
        entries = self.object.entries.all()
        return super().get_context_data(
            tags=[[tag.name for tag in entry.tags.all()] for entry in entries],  # @detail_tags
            **kwargs,
        )


def shelf(request):
    """A context processor."""
    entries = loaded(m.Entry.objects.order_by("pk"), request)
    return {"names": [entry.author.name for entry in entries]}  # @processor


def reading(get_response):
    """A middleware."""

    def answer(request):
        entries = loaded(m.Entry.objects.order_by("pk"), request)
        for entry in entries:  # @middleware_for
            entry.author.name  # @middleware
        return get_response(request)

    return answer


def tree(request):
    def below(category):
        children = category.children.all()
        return [below(child) for child in children]  # @tree_view

    found = m.Category.objects.filter(slug="tree")
    return HttpResponse(str([below(category) for category in found]))


def healthy_tree(request):
    below = {}
    for category in m.Category.objects.all():
        below.setdefault(category.parent_id, []).append(category.slug)
    return HttpResponse(str(below))


@require_safe
def later(request):  # @later
    entries = loaded(m.Entry.objects.order_by("pk"), request)
    return TemplateResponse(request, "rendering/variable.html", {"entries": entries})


def decorated(view):
    return lambda request: view(request)


@decorated
def later_decorated(request):
    return later(request)


def bare(request):
    return render(request, "rendering/names.html")
