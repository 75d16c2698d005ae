"""What the shop has and has sold, in PostgreSQL; who follows the stock hears of each change."""

from __future__ import annotations

from typing import Any

from puff.postgres import global_postgres
from puff.pubsub import global_pubsub

CHANNEL = "shop:stock"

SCHEMA = """
create table if not exists items (
    id int primary key,
    name text not null,
    about text not null,
    price numeric(8, 2) not null,
    stock int not null check (stock >= 0)
);
create table if not exists orders (
    id bigint generated always as identity primary key,
    item int not null references items,
    price numeric(8, 2) not null,
    at timestamptz not null default now()
);
"""

RANGE = [
    (1, "Assam", "Malty and strong, from the banks of the Brahmaputra.", "7.50", 20),
    (2, "Sencha", "Green and grassy, steamed in Shizuoka.", "9.80", 12),
    (3, "Lapsang Souchong", "Dried over pine wood; it tastes of the fire.", "11.20", 8),
    (4, "Rooibos", "Red, mild, and no tea at all.", "5.40", 25),
    (5, "Gyokuro", "Grown in the shade for three weeks.", "24.00", 5),
]


def prepare() -> None:
    """Makes the tables and fills the shelves, unless that has been done."""
    with global_postgres.transaction() as tx:
        tx.execute("select pg_advisory_xact_lock(8320)")  # all workers start at the same time
        for statement in SCHEMA.split(";"):
            if statement.strip():
                tx.execute(statement)
        if tx.fetchval("select count(*) from items") == 0:
            tx.copy_from("items", RANGE)


def items() -> list[Any]:
    """Every item, as rows."""
    rows: list[Any] = global_postgres.fetch("select * from items order by id")
    return rows


def sell(number: int) -> int | None:
    """How many are left after one was sold; None if there was none to sell."""
    with global_postgres.transaction() as tx:
        left: int | None = tx.fetchval(
            "update items set stock = stock - 1 where id = $1 and stock > 0 returning stock", number
        )
        if left is None:
            return None
        tx.execute(
            "insert into orders (item, price) select id, price from items where id = $1", number
        )
    global_pubsub.publish_json(CHANNEL, {"id": number, "stock": left})
    return left


def restock() -> None:
    """Fills the shelves again: ``puff restock``. Pages that are open show it."""
    for number, name, _, _, stock in RANGE:
        global_postgres.execute("update items set stock = $2 where id = $1", number, stock)
        global_pubsub.publish_json(CHANNEL, {"id": number, "stock": stock})
        print(f"{stock:3} {name}")
