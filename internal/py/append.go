package py

// Appending single values without making objects of them first: for glue that goes
// from the wire to Python in one pass. What does not fit into Python's own type is the
// caller's to know; the decoder checks, and refuses the whole value.

import (
	"encoding/binary"
	"unicode/utf8"
)

// AppendNone appends None.
func AppendNone(b []byte) []byte { return append(b, byte(TagNone)) }

// AppendBool appends a bool.
func AppendBool(b []byte, v bool) []byte {
	if v {
		return append(b, byte(TagTrue))
	}
	return append(b, byte(TagFalse))
}

// AppendFloat appends a float.
func AppendFloat(b []byte, f float64) []byte { return appendFloat(b, f) }

// AppendUTF8 appends a str, and reports false, appending nothing, when s is no UTF-8.
func AppendUTF8[T string | []byte](b []byte, s T) ([]byte, bool) {
	if !utf8.Valid([]byte(s)) {
		return b, false
	}
	return AppendText(b, TagStr, s), true
}

// AppendUUID appends a uuid.UUID.
func AppendUUID(b []byte, id [16]byte) []byte { return append(append(b, byte(TagUUID)), id[:]...) }

// IsDecimal reports whether [Decimal] may hold s.
func IsDecimal(s []byte) bool { return isDecimal(string(s)) }

// Day is a day of the calendar, in the years 1 to 9999.
type Day struct{ Year, Month, Day int }

// OfDay is a time of the day.
type OfDay struct{ Hour, Minute, Second, Micro int }

// AppendDay appends a datetime.date.
func AppendDay(b []byte, d Day) []byte { return appendYMD(append(b, byte(TagDate)), d) }

// AppendOfDay appends a datetime.time without a zone.
func AppendOfDay(b []byte, t OfDay) []byte { return appendHMS(append(b, byte(TagTime)), t, false, 0) }

// AppendMoment appends a datetime.datetime; zone says whether it has one, offset
// seconds east of UTC.
func AppendMoment(b []byte, d Day, t OfDay, zone bool, offset int) []byte {
	return appendHMS(appendYMD(append(b, byte(TagDatetime)), d), t, zone, offset)
}

// AppendRows begins rows of a class of Python's, a subclass of tuple without attributes:
// a list of tuples is to follow. [PatchRows] says later which class it is.
func AppendRows(b []byte, class Handle) []byte {
	return binary.LittleEndian.AppendUint64(append(b, byte(TagRows)), uint64(class))
}

// PatchRows changes the class of the rows that begin at b[at].
func PatchRows(b []byte, at int, class Handle) {
	binary.LittleEndian.PutUint64(b[at+1:], uint64(class))
}

// AppendSpan appends a datetime.timedelta; seconds and micros are not negative and
// less than a day and a second.
func AppendSpan(b []byte, days, seconds, micros int) []byte {
	b = binary.LittleEndian.AppendUint32(append(b, byte(TagDelta)), uint32(int32(days)))
	b = binary.LittleEndian.AppendUint32(b, uint32(seconds))
	return binary.LittleEndian.AppendUint32(b, uint32(micros))
}

// PatchHead changes the number in the head of the container that begins at b[at].
func PatchHead(b []byte, at, n int) { binary.LittleEndian.PutUint32(b[at+1:], uint32(n)) }

func appendYMD(b []byte, d Day) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(d.Year)), byte(d.Month), byte(d.Day))
}

func appendHMS(b []byte, t OfDay, zone bool, offset int) []byte {
	b = append(b, byte(t.Hour), byte(t.Minute), byte(t.Second))
	b = binary.LittleEndian.AppendUint32(b, uint32(t.Micro))
	has := byte(0)
	if zone {
		has = 1
	}
	b = binary.LittleEndian.AppendUint32(append(b, has), uint32(int32(offset)))
	return append(b, 0)
}
