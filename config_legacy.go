package puff

// Spellings of older documents. They are rewritten to today's before anything
// else reads the file, so no other code knows them.

import "fmt"

// renamed lists keys by their old names. Today's key wins when both are there.
var renamed = []struct{ old, now string }{
	{"wsgi_app", "wsgi"},
	{"asgi_app", "asgi"},
}

// switches are tables that used to be booleans.
var switches = []string{"postgres", "redis", "pubsub", "task_queue"}

// flatGraphQL lists the keys that [[graphql]] has replaced.
var flatGraphQL = []struct{ old, now string }{
	{"graphql_schema", "schema"},
	{"graphql_url", "url"},
	{"graphql_subscription_url", "subscription_url"},
	{"graphql_subscriptions_url", "subscription_url"},
	{"graphql_playground_url", "playground_url"},
}

// modernize rewrites raw in place.
func (d *decoder) modernize(raw map[string]any) {
	for _, r := range renamed {
		d.move(raw, r.old, raw, r.now, r.now)
	}
	if v, ok := raw["pytest"]; ok {
		if on, isBool := v.(bool); isBool {
			delete(raw, "pytest")
			if _, ok := raw["pytest_path"]; on && !ok {
				raw["pytest_path"] = "./"
			}
		} else {
			d.move(raw, "pytest", raw, "pytest_path", "pytest_path")
		}
	}
	for _, table := range switches {
		if on, ok := raw[table].(bool); ok && on {
			raw[table] = []any{map[string]any{}}
		} else if ok {
			delete(raw, table)
		}
	}
	d.modernizeGraphQL(raw)
}

func (d *decoder) modernizeGraphQL(raw map[string]any) {
	entry := map[string]any{}
	list, _ := raw["graphql"].([]any)
	key := fmt.Sprintf("graphql[%d]", len(list))
	switch v := raw["graphql"].(type) {
	case string:
		d.move(raw, "graphql", entry, "schema", key+".schema")
	case bool:
		delete(raw, "graphql")
		if v {
			entry["enable"] = true
			d.lines[key+".enable"] = d.lines["graphql"]
		}
	}
	for _, r := range flatGraphQL {
		d.move(raw, r.old, entry, r.now, key+"."+r.now)
	}
	if len(entry) == 0 {
		return
	}
	for now := range entry {
		at := d.line(key + "." + now)
		if first, ok := d.lines[key]; !ok || at < first {
			d.lines[key] = at
		}
	}
	if _, ok := raw["postgres"]; ok {
		entry["database"] = "default"
	}
	raw["graphql"] = append(list, entry)
}

// move gives the value of an old key to a new one, unless that has one. key is
// the new one's whole path.
func (d *decoder) move(from map[string]any, old string, to map[string]any, now, key string) {
	v, ok := from[old]
	if !ok {
		return
	}
	delete(from, old)
	if _, ok := to[now]; ok {
		return
	}
	to[now] = v
	d.lines[key] = d.lines[old]
	d.written[key] = old
}
