package postgres

// Which statements only read, judged by their text alone: a short list of what is known
// to do nothing else. Whatever is not on it does something else.

import "strings"

// harmless are words that an opening parenthesis may follow: of the language, and functions
// that write nothing, wait for nothing, and whose result is all that they are called for.
var harmless = words(`
	all and any as array asc between by case cast coalesce cross desc distinct else end except
	exists extract filter from full greatest group grouping having ilike in inner intersect is
	join lateral least left like limit materialized natural not nullif offset on only or order
	outer over overlay partition position range recursive right row rows select similar some
	substring sets rollup cube table tablesample then trim union using values when where window with within

	abs age array_agg array_append array_cat array_length array_position array_prepend array_remove
	array_to_json array_to_string ascii avg bit_and bit_or bool_and bool_or btrim cardinality ceil
	ceiling char_length character_length chr concat concat_ws cosh cos count cume_dist date date_part
	date_trunc decode dense_rank div encode every exp first_value floor format gcd gen_random_uuid
	generate_series initcap isfinite json_agg json_array_elements json_array_elements_text
	json_array_length json_build_array json_build_object json_each json_each_text json_extract_path
	json_extract_path_text json_object json_object_agg json_strip_nulls json_typeof jsonb_agg
	jsonb_array_elements jsonb_array_elements_text jsonb_array_length jsonb_build_array
	jsonb_build_object jsonb_each jsonb_each_text jsonb_extract_path jsonb_extract_path_text
	jsonb_object jsonb_object_agg jsonb_path_exists jsonb_path_query jsonb_path_query_array
	jsonb_path_query_first jsonb_pretty jsonb_set jsonb_strip_nulls jsonb_typeof justify_days
	justify_hours lag last_value lcm lead length ln log lower lower_inf lpad ltrim make_date
	make_interval make_time make_timestamp make_timestamptz max md5 min mod mode now nth_value ntile
	num_nonnulls num_nulls numeric octet_length percent_rank percentile_cont percentile_disc
	phraseto_tsquery pi plainto_tsquery power quote_ident quote_literal quote_nullable random rank
	regexp_match regexp_matches regexp_replace regexp_split_to_array regexp_split_to_table repeat
	replace reverse round row_number row_to_json rpad rtrim scale sha256 sign sin split_part sqrt
	starts_with stddev stddev_pop stddev_samp string_agg string_to_array strpos substr sum
	tan text timestamp timestamptz to_char to_date to_json to_jsonb to_number to_timestamp to_tsquery to_tsvector
	translate trunc ts_headline ts_rank ts_rank_cd unnest upper upper_inf var_pop var_samp varchar
	variance websearch_to_tsquery width_bucket`)

// telling are words of statements that do more than read, wherever they stand: SELECT has
// INTO and locks rows FOR somebody, WITH has statements that write.
var telling = words("delete for insert into lock merge update")

func words(list string) map[string]bool {
	all := map[string]bool{}
	for w := range strings.FieldsSeq(list) {
		all[w] = true
	}
	return all
}

// reads reports whether sql is known to read and to do nothing else: it begins like a
// query and calls no function but the harmless ones. It knows texts between ' and names
// between ", and takes comments, escapes and everything else that could mislead it for
// what may write.
func reads(sql string) bool {
	if strings.IndexByte(sql, '\\') >= 0 { // where a text ends may depend on it
		return false
	}
	first, last := "", ""
	for i := 0; i < len(sql); {
		c := sql[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
			continue
		case c == '\'' || c == '"':
			end := strings.IndexByte(sql[i+1:], c) // twice in a row: two of them
			if end < 0 {
				return false
			}
			i += end + 2
			last = string(c)
			continue
		case c == ';' || c >= 0x80,
			c == '-' && strings.HasPrefix(sql[i:], "--"), c == '/' && strings.HasPrefix(sql[i:], "/*"),
			c == '$' && (i+1 == len(sql) || sql[i+1] < '0' || sql[i+1] > '9'):
			return false
		case c == '(':
			if last == `"` || isWord(last) && !harmless[last] {
				return false
			}
		case isLetter(c):
			end := i + 1
			for end < len(sql) && (isLetter(sql[end]) || sql[end] >= '0' && sql[end] <= '9' || sql[end] == '$') {
				end++
			}
			word := strings.ToLower(sql[i:end])
			if telling[word] {
				return false
			}
			if last == "." { // of a schema, which has functions of any name
				word = "." + word
			}
			if first == "" {
				first = word
			}
			last, i = word, end
			continue
		}
		last = string(c)
		i++
	}
	switch first {
	case "select", "values", "table", "with":
		return true
	}
	return false
}

func isLetter(c byte) bool { return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' }

// isWord reports whether last is a word, or one behind a dot.
func isWord(last string) bool {
	return last != "" && (isLetter(last[0]) || len(last) > 1)
}
