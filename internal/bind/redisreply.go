package bind

// Replies of Redis as values of Python: each shape is a way to write one, straight from
// what was read.

import (
	"strconv"

	"github.com/puffstack/puff/internal/py"
	"github.com/puffstack/puff/redis"
)

// shapes are the ways to write a reply that is not an error. What does not fit is
// written raw. Nil is None in all of them.
var shapes = map[string]func(b []byte, r *redis.Reply) []byte{
	"raw":     nil,
	"bytes":   appendBytes,
	"ok":      appendOK,
	"bool":    appendBool,
	"float":   appendNumber,
	"list":    appendList,
	"dict":    appendDict,
	"pairs":   appendPairs,
	"floats":  appendFloats,
	"entries": appendEntries,
	"streams": appendStreams,
	"scan":    appendScan,
	"popped":  appendPopped,
	"tuple":   appendTuple,
}

// shaped returns the reply as a value, or the exception that it is.
func shaped(r *redis.Reply, shape string, err error) (any, error) {
	if err != nil {
		return nil, redisError(err)
	}
	if err := r.Err(); err != nil {
		return nil, redisError(err)
	}
	return &one{r, shape}, nil
}

// one is a reply on its way to Python.
type one struct {
	reply *redis.Reply
	shape string
}

func (o *one) AppendValue(b []byte) ([]byte, error) { return appendReply(b, o.reply, o.shape), nil }

// several are the replies of a pipeline: a list, in which an error is an exception.
type several struct {
	shapes  []string
	replies []redis.Reply
}

func (s several) AppendValue(b []byte) ([]byte, error) {
	b = py.AppendHead(b, py.TagList, len(s.replies))
	for i := range s.replies {
		b = appendReply(b, &s.replies[i], s.shapes[i])
	}
	return b, nil
}

func appendReply(b []byte, r *redis.Reply, shape string) []byte {
	if r.IsNil() {
		if shape == "streams" {
			return py.AppendHead(b, py.TagList, 0)
		}
		return py.AppendNone(b)
	}
	if write := shapes[shape]; write != nil && r.Err() == nil {
		return write(b, r)
	}
	return appendRaw(b, r)
}

// appendRaw writes a reply as Redis has it: OK is True, other status lines are str.
func appendRaw(b []byte, r *redis.Reply) []byte {
	switch r.Type() {
	case redis.Status:
		if text := r.Text(); text != "OK" {
			return py.AppendText(b, py.TagStr, text)
		}
		return py.AppendBool(b, true)
	case redis.Bulk:
		return py.AppendText(b, py.TagBytes, r.Text())
	case redis.Integer:
		return py.AppendInt(b, r.Int())
	case redis.Array:
		items := r.Items()
		b = py.AppendHead(b, py.TagList, len(items))
		for i := range items {
			b = appendRaw(b, &items[i])
		}
		return b
	case redis.Failure:
		return py.AppendError(b, redisError(r.Err()))
	}
	return py.AppendNone(b)
}

func appendBytes(b []byte, r *redis.Reply) []byte {
	if r.IsText() {
		return py.AppendText(b, py.TagBytes, r.Text())
	}
	return appendRaw(b, r)
}

// appendOK writes what SET and its like say: True, or the old value where one was asked for.
func appendOK(b []byte, r *redis.Reply) []byte { return appendRaw(b, r) }

func appendBool(b []byte, r *redis.Reply) []byte {
	if r.Type() == redis.Integer {
		return py.AppendBool(b, r.Int() != 0)
	}
	return appendRaw(b, r)
}

func appendNumber(b []byte, r *redis.Reply) []byte {
	if f, err := strconv.ParseFloat(r.Text(), 64); err == nil && r.IsText() {
		return py.AppendFloat(b, f)
	}
	return appendRaw(b, r)
}

func appendList(b []byte, r *redis.Reply) []byte { return appendItems(b, r, appendBytes) }

func appendFloats(b []byte, r *redis.Reply) []byte { return appendItems(b, r, appendNumber) }

// appendItems writes a list with each of its elements in a shape.
func appendItems(b []byte, r *redis.Reply, each func([]byte, *redis.Reply) []byte) []byte {
	if r.Type() != redis.Array {
		return appendRaw(b, r)
	}
	items := r.Items()
	b = py.AppendHead(b, py.TagList, len(items))
	for i := range items {
		if items[i].IsNil() {
			b = py.AppendNone(b)
			continue
		}
		b = each(b, &items[i])
	}
	return b
}

// appendDict writes field, value, field, value… as a dict.
func appendDict(b []byte, r *redis.Reply) []byte {
	items := r.Items()
	if r.Type() != redis.Array || len(items)%2 != 0 {
		return appendRaw(b, r)
	}
	b = py.AppendHead(b, py.TagDict, len(items)/2)
	for i := range items {
		b = appendBytes(b, &items[i])
	}
	return b
}

// appendPairs writes member, score, member, score… as a list of tuples.
func appendPairs(b []byte, r *redis.Reply) []byte {
	items := r.Items()
	if r.Type() != redis.Array || len(items)%2 != 0 {
		return appendRaw(b, r)
	}
	b = py.AppendHead(b, py.TagList, len(items)/2)
	for i := 0; i < len(items); i += 2 {
		b = py.AppendHead(b, py.TagTuple, 2)
		b = appendNumber(appendBytes(b, &items[i]), &items[i+1])
	}
	return b
}

// appendEntries writes the entries of a stream: a list of (id, {field: value}).
func appendEntries(b []byte, r *redis.Reply) []byte {
	return appendItems(b, r, func(b []byte, r *redis.Reply) []byte {
		items := r.Items()
		if len(items) != 2 {
			return appendRaw(b, r)
		}
		b = appendBytes(py.AppendHead(b, py.TagTuple, 2), &items[0])
		if items[1].IsNil() { // deleted since
			return py.AppendNone(b)
		}
		return appendDict(b, &items[1])
	})
}

// appendStreams writes what XREAD says: a list of [name, entries].
func appendStreams(b []byte, r *redis.Reply) []byte {
	return appendItems(b, r, func(b []byte, r *redis.Reply) []byte {
		items := r.Items()
		if len(items) != 2 {
			return appendRaw(b, r)
		}
		return appendEntries(appendBytes(py.AppendHead(b, py.TagList, 2), &items[0]), &items[1])
	})
}

// appendScan writes a cursor, as a number, and what was found.
func appendScan(b []byte, r *redis.Reply) []byte {
	items := r.Items()
	if len(items) != 2 {
		return appendRaw(b, r)
	}
	b = py.AppendHead(b, py.TagTuple, 2)
	if cursor, err := strconv.ParseInt(items[0].Text(), 10, 64); err == nil {
		b = py.AppendInt(b, cursor)
	} else { // of more than 63 bits
		b = appendBytes(b, &items[0])
	}
	return appendList(b, &items[1])
}

// appendPopped writes one element or several, always as a list.
func appendPopped(b []byte, r *redis.Reply) []byte {
	if r.Type() == redis.Array {
		return appendList(b, r)
	}
	return appendBytes(py.AppendHead(b, py.TagList, 1), r)
}

// appendTuple writes what a pop says that waited: the key and the element.
func appendTuple(b []byte, r *redis.Reply) []byte {
	items := r.Items()
	b = py.AppendHead(b, py.TagTuple, len(items))
	for i := range items {
		if b = appendBytes(b, &items[i]); i == 1 && len(items) == 3 {
			// of a sorted set: key, member, score
			return appendNumber(b, &items[2])
		}
	}
	return b
}
