"""Inherited models: multi-table, proxy and abstract."""

from tests.corpus.labels import healthy, loop
from tests.corpus.models import Author, Leaflet, Memo, PenName, Place, Restaurant, Review


@loop("lazy-relation", relation="corpus.Place.restaurant")
def child_of_parent(n):
    for place in Place.objects.order_by("pk"):  # loop origin
        place.restaurant.serves  # site


@healthy(twin=child_of_parent)
def child_of_parent_joined(n):
    for place in Place.objects.select_related("restaurant"):
        place.restaurant.serves


@healthy(twin=child_of_parent)
def child_model_asked_directly(n):
    for restaurant in Restaurant.objects.all():
        restaurant.name + restaurant.serves


@loop("lazy-relation", relation="corpus.Place.garage")
def missing_child_of_parent(n):
    for place in Place.objects.order_by("pk"):  # loop origin
        hasattr(place, "garage")  # site


@healthy(twin=missing_child_of_parent)
def missing_child_of_parent_joined(n):
    for place in Place.objects.select_related("garage", "restaurant"):
        hasattr(place, "garage")


@loop("lazy-relation")
def inherited_fk(n):
    for restaurant in Restaurant.objects.order_by("pk"):  # loop origin
        restaurant.owner.name  # site


@healthy(twin=inherited_fk)
def inherited_fk_joined(n):
    for restaurant in Restaurant.objects.select_related("owner"):
        restaurant.owner.name


@loop("lazy-relation", relation="corpus.Restaurant.cook")
def own_fk_of_child(n):
    for restaurant in Restaurant.objects.order_by("pk"):  # loop origin
        restaurant.cook.name  # site


@healthy(twin=own_fk_of_child)
def own_fk_of_child_prefetched(n):
    for restaurant in Restaurant.objects.prefetch_related("cook"):
        restaurant.cook.name


@loop("lazy-relation", relation="corpus.Restaurant.place_ptr")
def parent_link_of_deferred_child(n):
    for restaurant in Restaurant.objects.defer("name"):  # loop origin
        restaurant.place_ptr.pk  # site


@healthy(twin=parent_link_of_deferred_child)
def parent_link_of_whole_child(n):
    # Django builds the parent from the fields of the child.
    for restaurant in Restaurant.objects.all():
        restaurant.place_ptr.name.upper()


@loop("deferred-field")
def deferred_field_of_parent(n):
    for restaurant in Restaurant.objects.only("serves"):  # loop origin
        restaurant.name  # site


@healthy(twin=deferred_field_of_parent)
def field_of_parent_loaded(n):
    for restaurant in Restaurant.objects.only("serves", "name"):
        restaurant.name


@loop("lazy-relation", statements=2)
def child_through_fk_to_parent(n):
    for review in Review.objects.order_by("pk"):  # loop origin
        review.place.restaurant.serves  # site


@healthy(twin=child_through_fk_to_parent)
def child_through_fk_to_parent_joined(n):
    for review in Review.objects.select_related("place__restaurant"):
        review.place.restaurant.serves


@loop("lazy-relation")
def reverse_fk_of_child(n):
    for restaurant in Restaurant.objects.order_by("pk"):  # loop origin
        list(restaurant.review_set.all())  # site


@healthy(twin=reverse_fk_of_child)
def reverse_fk_of_child_prefetched(n):
    for restaurant in Restaurant.objects.prefetch_related("review_set"):
        list(restaurant.review_set.all())


@loop("lazy-relation")
def proxy_fk(n):
    for pen_name in PenName.objects.order_by("pk"):  # loop origin
        pen_name.country.name  # site


@healthy(twin=proxy_fk)
def proxy_fk_joined(n):
    for pen_name in PenName.objects.select_related("country"):
        pen_name.country.name


@loop("lazy-relation")
def proxy_reverse_fk(n):
    for pen_name in PenName.objects.order_by("pk"):  # loop origin
        list(pen_name.entries.all())  # site


@healthy(twin=proxy_reverse_fk)
def proxy_reverse_fk_prefetched(n):
    for pen_name in PenName.objects.prefetch_related("entries"):
        list(pen_name.entries.all())


@loop("lazy-relation", relation="corpus.Memo.created_by")
def abstract_fk(n):
    for memo in Memo.objects.order_by("pk"):  # loop origin
        memo.created_by.name  # site


@healthy(twin=abstract_fk)
def abstract_fk_joined(n):
    for memo in Memo.objects.select_related("created_by"):
        memo.created_by.name


@loop("lazy-relation")
def fk_of_rows_that_an_override_fetched(n):
    for leaflet in Leaflet.objects.order_by("pk"):  # loop origin
        leaflet.author.name  # site


@healthy(twin=fk_of_rows_that_an_override_fetched)
def fk_of_rows_that_an_override_fetched_joined(n):
    for leaflet in Leaflet.objects.select_related("author"):
        leaflet.author.name


@loop("query-in-loop")
def override_fetches_per_row(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        list(Leaflet.objects.filter(author=author))  # site


@healthy(twin=override_fetches_per_row)
def override_fetches_once(n):
    authors = list(Author.objects.order_by("pk"))
    list(Leaflet.objects.filter(author__in=authors))


@loop("query-in-loop", origin=False)
def overridden_get_per_key(n):
    for i in range(n):  # loop
        Leaflet.objects.get(slug=f"e{i}")  # site


@healthy(twin=overridden_get_per_key)
def overridden_get_of_all_keys_at_once(n):
    leaflets = Leaflet.objects.in_bulk([f"e{i}" for i in range(n)], field_name="slug")
    for i in range(n):
        leaflets[f"e{i}"].headline.upper()


@loop("deferred-field", relation="corpus.Entry.body")
def deferred_field_by_an_overridden_get(n):
    for leaflet in Leaflet.objects.defer("body"):  # loop origin
        leaflet.body  # site


@healthy(twin=deferred_field_by_an_overridden_get)
def deferred_by_an_overridden_get_and_never_read(n):
    for leaflet in Leaflet.objects.defer("body"):
        leaflet.headline


@healthy(cleared="polled")
def row_polled_by_an_overridden_get(n):
    leaflet = Leaflet.objects.order_by("pk")[0]
    for _attempt in range(4):
        leaflet.refresh_from_db()
