"""One small publishing house: every kind of relation, key and inheritance that Django has."""

import uuid
from functools import cached_property

from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.db import models

from tests.corpus.overrides import CountingQuerySet


class Country(models.Model):
    code = models.CharField(max_length=10, primary_key=True)
    name = models.CharField(max_length=50)


class AuthorQuerySet(models.QuerySet):
    def rated(self):
        return self.filter(rating__gt=0)

    def slugs_of_country(self, code):
        return list(self.filter(country=code).values_list("slug", flat=True))  # site:manager


class Author(models.Model):
    name = models.CharField(max_length=50)
    slug = models.SlugField(unique=True)
    rating = models.IntegerField(default=1)
    country = models.ForeignKey(Country, models.CASCADE, related_name="authors")
    mentor = models.ForeignKey("self", models.SET_NULL, null=True, related_name="pupils")
    friends = models.ManyToManyField("self")

    objects = AuthorQuerySet.as_manager()

    @property
    def country_label(self):
        return self.country.name.upper()  # site:author_property

    @property
    def entry_count(self):
        return self.entries.count()  # site:author_count

    @cached_property
    def newest(self):
        return self.entries.order_by("-pk").first()

    @property
    def newest_uncached(self):
        return self.entries.order_by("-pk").first()  # site:author_newest


class PenName(Author):
    class Meta:
        proxy = True


class Profile(models.Model):
    author = models.OneToOneField(Author, models.CASCADE, related_name="profile")
    bio = models.CharField(max_length=50)


class Badge(models.Model):
    """Every second author has one."""

    author = models.OneToOneField(Author, models.CASCADE, related_name="badge")


class Medal(models.Model):
    """Nobody has one."""

    author = models.OneToOneField(Author, models.CASCADE, related_name="medal")


class Blog(models.Model):
    name = models.CharField(max_length=50)
    owner = models.ForeignKey(Author, models.CASCADE, related_name="blogs")


class Tag(models.Model):
    name = models.CharField(max_length=50)


class Category(models.Model):
    """Trees; the key is known before it is saved."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    slug = models.SlugField(unique=True)
    parent = models.ForeignKey("self", models.CASCADE, null=True, related_name="children")

    @property
    def path(self):
        if self.parent_id is None:
            return self.slug
        return f"{self.parent.path}/{self.slug}"  # site:category_path loop:category_path


class Entry(models.Model):
    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        LIVE = "live", "Live"

    KINDS = ("short", "long")
    STATUSES = [("draft", "Draft"), ("live", "Live")]

    blog = models.ForeignKey(Blog, models.CASCADE)
    author = models.ForeignKey(Author, models.CASCADE, related_name="entries")
    editor = models.ForeignKey(Author, models.CASCADE, null=True, related_name="edited")
    #: Two of them, however many entries there are.
    category = models.ForeignKey(Category, models.CASCADE, null=True)
    tags = models.ManyToManyField(Tag, related_name="entries")
    headline = models.CharField(max_length=50)
    slug = models.SlugField(unique=True)
    body = models.TextField()
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.LIVE)
    rating = models.IntegerField(default=1)
    created = models.DateField()
    remarks = GenericRelation("corpus.Remark")

    @property
    def teaser(self):
        return self.body[:10]  # site:entry_teaser


class Leaflet(Entry):
    objects = CountingQuerySet.as_manager()

    class Meta:
        proxy = True
        base_manager_name = "objects"


class Chapter(models.Model):
    """Two for each entry."""

    entry = models.ForeignKey(Entry, models.CASCADE)
    number = models.IntegerField()
    title = models.CharField(max_length=50)


class City(models.Model):
    name = models.CharField(max_length=50)
    country = models.ForeignKey(Country, models.CASCADE)

    def __str__(self):
        return f"{self.name}, {self.country.name}"  # site:city_str


class Book(models.Model):
    title = models.CharField(max_length=50)
    writer = models.ForeignKey(Author, models.CASCADE, to_field="slug", related_name="books")


class Ticket(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    subject = models.CharField(max_length=50)


class Message(models.Model):
    ticket = models.ForeignKey(Ticket, models.CASCADE)
    text = models.CharField(max_length=50)


class Remark(models.Model):
    """``topic`` is "entries" for n remarks on entries, "mixed" for n on each of two models."""

    # Unconstrained: this app's tables may be made before those of contenttypes.
    content_type = models.ForeignKey(ContentType, models.CASCADE, db_constraint=False)
    object_id = models.PositiveBigIntegerField()
    target = GenericForeignKey()
    topic = models.CharField(max_length=50)


class Place(models.Model):
    name = models.CharField(max_length=50)
    owner = models.ForeignKey(Author, models.CASCADE)


class Restaurant(Place):
    serves = models.CharField(max_length=50)
    cook = models.ForeignKey(Author, models.CASCADE, related_name="kitchens")


class Garage(Place):
    """There are none."""

    lifts = models.IntegerField()


class Review(models.Model):
    place = models.ForeignKey(Place, models.CASCADE)
    stars = models.IntegerField()


class Stamped(models.Model):
    created_by = models.ForeignKey(Author, models.CASCADE)

    class Meta:
        abstract = True


class Memo(Stamped):
    text = models.CharField(max_length=50)


class Club(models.Model):
    name = models.CharField(max_length=50)
    members = models.ManyToManyField(Author, through="Membership", related_name="clubs")


class Membership(models.Model):
    club = models.ForeignKey(Club, models.CASCADE)
    member = models.ForeignKey(Author, models.CASCADE)
    since = models.IntegerField(default=2020)


class Note(models.Model):
    """Written to: nothing depends on it."""

    slug = models.SlugField(unique=True)
    text = models.CharField(max_length=50)
    done = models.BooleanField(default=False)


class AuditedNote(Note):
    """Counts the authors at every save, as applications like to do."""

    class Meta:
        proxy = True

    def save(self, *args, **kwargs):
        self.text = str(Author.objects.filter(slug=self.slug).count())  # site:audited_save
        super().save(*args, **kwargs)  # site:audited_save


class Option(models.Model):
    name = models.SlugField(unique=True)
    value = models.CharField(max_length=50)


class CacheRow(models.Model):
    """The table of a database-backed cache, with the columns that Django gives it."""

    cache_key = models.CharField(max_length=255, primary_key=True)
    value = models.TextField()
    expires = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "corpus_cache"


class EndedStays(models.Manager):
    def get_queryset(self):
        return super().get_queryset().filter(nights__isnull=False)


class Stay(models.Model):
    """Two for each place, of one guest; the second has no nights yet."""

    place = models.ForeignKey(Place, models.CASCADE, related_name="stays")
    #: Authors do not know of their stays.
    guest = models.ForeignKey(Author, models.CASCADE, related_name="+")
    nights = models.IntegerField(null=True)

    objects = models.Manager()
    ended = EndedStays()
