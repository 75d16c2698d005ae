package postgres

import "testing"

func TestReadsIsKnownOfTheTextAlone(t *testing.T) {
	for sql, want := range map[string]bool{
		"select id, name from items where id = $1":                                         true,
		" \n\tSELECT count(*), max (price) FROM items i JOIN shops AS s USING (shop)":      true,
		"select 'for update; -- it''s text' as \"insert into\" from t":                     true,
		"with a as (select 1), b as materialized (select 2) select * from a, b":            true,
		"with recursive a as (select 1 union all (select n from a)) table a":               true,
		"values ($1::int, ($2)), (3, 4)":                                                   true,
		"(select 1) union (select 2)":                                                      true,
		"table items":                                                                      true,
		"select cast($1 as numeric(10, 2)), coalesce(a, 'x') || lower(b) from t limit $2":  true,
		"select * from t where a = any($1) and b in (1, 2) and not exists (select from u)": true,
		"select row_number() over (partition by a order by b) from t":                      true,
		"select 6/2, 7-3, 'ü'":                                                             true,

		"":                                  false,
		"begin":                             false,
		"insert into t select 1":            false,
		"update t set a = 1":                false,
		"delete from t":                     false,
		"explain select 1":                  false,
		"fetch all from c":                  false,
		"select 1 into t":                   false,
		"select * from t for update":        false,
		"select * from t for no key update": false,
		"SELECT * FROM t FOR SHARE":         false,
		"select substring(a from 1 for 2)":  false, // what may be a lock is one
		"with w as (delete from t returning *) select * from w":                          false,
		"with w as (MERGE INTO t using u on true when matched then do nothing) select 1": false,
		"select nextval('s')":               false,
		"select pg_sleep(1)":                false,
		"select pg_advisory_lock(1)":        false,
		"select set_config('a', 'b', $1)":   false,
		"select public.lower('a')":          false,
		"select public . lower ('a')":       false,
		"select \"lower\"('a')":             false,
		"select \"mine\".\"f\" ('a')":       false,
		"select lower\n('a'), f\n('a')":     false,
		"select (f)(1), g(1)":               false,
		"select 1; drop table t":            false,
		"select 1 -- '\n, f(1)":             false,
		"select 1 /* ' */, f(1), /* ' */ 2": false,
		`select E'\', f(1), \''`:            false,
		`select '\', f(1), '\'`:             false,
		"select $$'$$, f(1), $$'$$":         false,
		"select $a$'$a$, f(1), $a$'$a$":     false,
		"select 'open":                      false,
		"select \"open":                     false,
		"select 'a' \"b\" (1)":              false,
		"select ünsafe(1)":                  false,
		"selecting":                         false,
		"call p()":                          false,
		"do 'x'":                            false,
		"select lower$(1)":                  false,
		"select _lower(1)":                  false,
		"select lower1(1)":                  false,
	} {
		if got := reads(sql); got != want {
			t.Errorf("reads(%q) = %v, want %v", sql, got, want)
		}
	}
}
