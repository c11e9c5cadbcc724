"""The tags and filters of the templates beside this file."""

from __future__ import annotations

import django
from django import template

from tests.corpus import models as m

register = template.Library()


@register.simple_tag
def author_of(entry):
    return entry.author.name  # @author_of


@register.filter
def by(entry):
    return f"by {entry.author.name}"  # @by


@register.filter
def entries_of(author):
    return author.entries.count()


@register.filter
def next_slug(slug):
    author = m.Author.objects.get(slug=slug)
    return f"a{int(author.slug[1:]) + 1}" if author.slug != "a2" else "a0"


@register.simple_tag
def count_of(author):
    return author.entries.count()


@register.inclusion_tag("rendering/card.html")
def card(entry):
    return {"entry": entry, "blog": entry.blog.name}  # @card_function


class EachNode(template.Node):
    """A loop that the project has written itself."""

    def __init__(self, items, nodelist):
        self.items = items
        self.nodelist = nodelist

    def render(self, context):
        parts = []
        for item in self.items.resolve(context):  # @each_for
            with context.push(item=item):
                parts.append(self.nodelist.render(context))
        return "".join(parts)


@register.tag
def each(parser, token):
    items = parser.compile_filter(token.split_contents()[1])
    nodelist = parser.parse(("endeach",))
    parser.delete_first_token()
    return EachNode(items, nodelist)


if django.VERSION >= (6, 0):

    @register.simple_block_tag
    def boxed(content):
        return f"[{content}]"
