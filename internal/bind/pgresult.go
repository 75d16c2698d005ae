package bind

// A result on its way to Python: rows are encoded as they come from the wire, in pieces
// of which one at a time crosses. The pieces that Python has not asked for yet wait here.

import (
	"github.com/puffstack/puff/internal/py"
	"github.com/puffstack/puff/postgres"
)

const (
	firstBytes = 96 << 10 // of a result whose first piece Python has to copy
	pieceBytes = 256 << 10
	pieceRows  = 4096
)

// result is the sink of one statement: the last result of several is what counts. A
// piece is encoded as (rows, spots): a spot (row, column) holds text that its type in
// Python can not represent.
type result struct {
	text   map[uint32]bool // types that come as text, whatever they are
	utf8   bool            // what is no number is text; else bytes in the client's encoding
	native bool            // the rows are for a class of Python's own, see start
	most   int             // rows that are wanted, 0 all of them

	columns []postgres.Field
	decodes []decode
	open    bool // between Columns and Done
	has     bool // it has columns
	tag     string
	rows    int

	piece  []byte
	list   int // where the list of rows begins in it
	size   int // bytes after which it ends
	n      int
	spots  []py.Tuple
	pieces []py.Raw
}

// Columns begins a result.
func (r *result) Columns(fields []postgres.Field) {
	r.columns, r.open, r.rows = fields, true, 0
	r.pieces = nil
	r.start()
	r.decodes = r.decodes[:0]
	for _, f := range fields {
		r.decodes = append(r.decodes, r.decoderOf(f))
	}
}

func (r *result) decoderOf(f postgres.Field) decode {
	if r.native {
		return nativeKind(f)
	}
	if d := textDecoders[f.DataTypeOID]; d != nil && !r.text[f.DataTypeOID] {
		return d
	}
	if r.utf8 {
		return textStr
	}
	return textRaw
}

// start begins a piece. Which class native rows are of is Python's to say when it has seen
// the columns, with which the first piece comes: the rows in that are bytes, to be decoded
// then; what asks for another piece names the class.
func (r *result) start() {
	r.piece = py.AppendHead(r.piece[:0], py.TagTuple, 2)
	r.size = pieceBytes
	switch {
	case r.native && len(r.pieces) == 0:
		r.piece = py.AppendHead(r.piece, py.TagBytes, 0)
		r.size = firstBytes
	case r.native:
		r.piece = py.AppendRows(r.piece, 0)
	}
	r.list = len(r.piece)
	r.piece = py.AppendHead(r.piece, py.TagList, 0)
	r.n, r.spots = 0, nil
}

// Row encodes a row.
func (r *result) Row(values [][]byte) error {
	if r.most > 0 && r.rows == r.most {
		return nil
	}
	b := py.AppendHead(r.piece, py.TagTuple, len(values))
	for i, v := range values {
		if v == nil {
			b = py.AppendNone(b)
			continue
		}
		before := len(b)
		out, ok := r.decodes[i](b, v)
		if !ok {
			out = py.AppendText(b[:before], py.TagBytes, v)
			if r.utf8 {
				if text, valid := py.AppendUTF8(b[:before], v); valid {
					out = text
				}
			}
			r.spots = append(r.spots, py.Tuple{r.n, i})
		}
		b = out
	}
	r.piece = b
	r.n++
	r.rows++
	if len(b) >= r.size || r.n >= pieceRows {
		r.cut(true)
	}
	return nil
}

// bytesAt is where the rows of a native piece begin: bytes, or rows of a class.
const bytesAt = 5

// of says which class the rows of a native piece are of; of the first, Python knows it.
func of(piece py.Raw, class py.Handle) { py.PatchRows(piece, bytesAt, class) }

// cut ends a piece.
func (r *result) cut(full bool) {
	py.PatchHead(r.piece, r.list, r.n)
	if r.native && len(r.pieces) == 0 {
		py.PatchHead(r.piece, bytesAt, len(r.piece)-r.list)
	}
	spots := make([]any, len(r.spots))
	for i, s := range r.spots {
		spots[i] = s
	}
	b, err := py.Append(r.piece, spots)
	if err != nil { // integers in tuples always can be
		panic(err)
	}
	r.pieces = append(r.pieces, py.Raw(b))
	r.piece = nil
	if full { // more will come, and as much of it
		r.piece = make([]byte, 0, pieceBytes+pieceBytes/8)
	}
	r.start()
}

// Done ends a result, or a statement that has none.
func (r *result) Done(tag string) {
	r.tag, r.has = tag, r.open
	if r.open {
		r.cut(false)
		r.open = false
		return
	}
	r.columns, r.pieces, r.rows = nil, nil, 0
}

// describe returns the columns as (name, type, size, modifier, table, number), or nil.
func (r *result) describe() any {
	if !r.has {
		return nil
	}
	out := make([]any, len(r.columns))
	for i, f := range r.columns {
		var name any = f.Name
		if r.utf8 {
			name = string(f.Name)
		}
		out[i] = py.Tuple{
			name, f.DataTypeOID, f.DataTypeSize, f.TypeModifier, f.TableOID, f.TableAttributeNumber,
		}
	}
	return out
}
