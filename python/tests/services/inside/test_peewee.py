"""peewee, whose driver is psycopg2: models and transactions."""

from __future__ import annotations

import os
from typing import Any

import peewee
import pytest

database = peewee.PostgresqlDatabase("postgres", host=os.environ["POSTGRES_HOST"], user="postgres")


class Model(peewee.Model):
    class Meta:
        database = database


class Shelf(Model):
    name = peewee.CharField(unique=True)

    class Meta:
        table_name = "peewee_shelf"


class Book(Model):
    shelf = peewee.ForeignKeyField(Shelf, backref="books")
    title = peewee.TextField()
    price = peewee.DecimalField(max_digits=8, decimal_places=2)
    added = peewee.DateTimeField(null=True)
    cover = peewee.BlobField(default=b"\x00\xff")

    class Meta:
        table_name = "peewee_book"


@pytest.fixture(autouse=True)
def tables() -> Any:
    with database:
        database.drop_tables([Book, Shelf], safe=True)
        database.create_tables([Shelf, Book])
        yield
        database.drop_tables([Book, Shelf])


def test_models_are_written_and_read() -> None:
    shelf = Shelf.create(name="žluťoučký")
    rows = [{"shelf": shelf, "title": f"book {n}", "price": n} for n in range(250)]
    assert Book.insert_many(rows).execute() is not None
    query = Book.select(Book, Shelf).join(Shelf).where(Book.price >= 248).order_by(Book.price)
    assert [(b.shelf.name, b.title, str(b.price), bytes(b.cover)) for b in query] == [
        ("žluťoučký", "book 248", "248.00", b"\x00\xff"),
        ("žluťoučký", "book 249", "249.00", b"\x00\xff"),
    ]
    assert Book.update(price=Book.price + 1).where(Book.price < 10).execute() == 10
    assert Book.select(peewee.fn.SUM(Book.price)).scalar() == sum(range(250)) + 10
    assert Book.select().where(Book.shelf == shelf).count() == 250
    assert {"peewee_book", "peewee_shelf"} <= set(database.get_tables())
    assert [c.name for c in database.get_columns("peewee_shelf")] == ["id", "name"]


def test_transactions_nest_and_are_undone() -> None:
    with database.atomic():
        Shelf.create(name="kept")
        with pytest.raises(peewee.IntegrityError), database.atomic():
            Shelf.create(name="undone")
            Shelf.create(name="kept")
    assert [s.name for s in Shelf.select()] == ["kept"]
    assert Shelf.insert(name="kept").on_conflict_ignore().execute() is None
    assert Shelf.delete().execute() == 1
