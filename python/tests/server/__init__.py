"""``puff serve`` from outside: what clients, applications and operators are promised."""
