package static

// mediatypes.go tells the type of a file from its ending: by a table of our own, so that each machine says the same.

import "strings"

// mediaType is what an ending stands for.
type mediaType struct {
	name string
	// compresses says that a compressed file may stand beside one of this type.
	compresses bool
}

const utf8 = "; charset=utf-8"

// unknown is the type of every other file: a browser saves it.
var unknown = mediaType{name: "application/octet-stream"}

// typeOf returns the type of a file.
func typeOf(name string) mediaType {
	name = name[strings.LastIndexByte(name, '/')+1:]
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 {
		return unknown
	}
	if t, ok := mediaTypes[strings.ToLower(name[dot+1:])]; ok {
		return t
	}
	return unknown
}

// mediaTypes is never changed.
var mediaTypes = map[string]mediaType{
	"css":  {"text/css" + utf8, true},
	"csv":  {"text/csv" + utf8, true},
	"htm":  {"text/html" + utf8, true},
	"html": {"text/html" + utf8, true},
	"ics":  {"text/calendar" + utf8, true},
	"js":   {"text/javascript" + utf8, true},
	"log":  {"text/plain" + utf8, true},
	"md":   {"text/markdown" + utf8, true},
	"mjs":  {"text/javascript" + utf8, true},
	"text": {"text/plain" + utf8, true},
	"txt":  {"text/plain" + utf8, true},
	"vcf":  {"text/vcard" + utf8, true},
	"vtt":  {"text/vtt" + utf8, true},

	"atom":        {"application/atom+xml", true},
	"geojson":     {"application/geo+json", true},
	"json":        {"application/json", true},
	"jsonld":      {"application/ld+json", true},
	"map":         {"application/json", true},
	"rss":         {"application/rss+xml", true},
	"svg":         {"image/svg+xml", true},
	"wasm":        {"application/wasm", true},
	"webmanifest": {"application/manifest+json", true},
	"xhtml":       {"application/xhtml+xml", true},
	"xml":         {"application/xml", true},
	"xsl":         {"application/xslt+xml", true},
	"yaml":        {"application/yaml", true},
	"yml":         {"application/yaml", true},

	"apng": {"image/apng", false},
	"avif": {"image/avif", false},
	"bmp":  {"image/bmp", true},
	"gif":  {"image/gif", false},
	"heic": {"image/heic", false},
	"ico":  {"image/vnd.microsoft.icon", true},
	"jpeg": {"image/jpeg", false},
	"jpg":  {"image/jpeg", false},
	"jxl":  {"image/jxl", false},
	"png":  {"image/png", false},
	"tif":  {"image/tiff", false},
	"tiff": {"image/tiff", false},
	"webp": {"image/webp", false},

	"aac":  {"audio/aac", false},
	"flac": {"audio/flac", false},
	"m4a":  {"audio/mp4", false},
	"mid":  {"audio/midi", false},
	"mp3":  {"audio/mpeg", false},
	"oga":  {"audio/ogg", false},
	"ogg":  {"audio/ogg", false},
	"opus": {"audio/ogg", false},
	"wav":  {"audio/wav", false},
	"weba": {"audio/webm", false},

	"avi":  {"video/x-msvideo", false},
	"m3u8": {"application/vnd.apple.mpegurl", true},
	"m4v":  {"video/mp4", false},
	"mkv":  {"video/x-matroska", false},
	"mov":  {"video/quicktime", false},
	"mp4":  {"video/mp4", false},
	"mpeg": {"video/mpeg", false},
	"mpd":  {"application/dash+xml", true},
	"ogv":  {"video/ogg", false},
	"ts":   {"video/mp2t", false},
	"webm": {"video/webm", false},

	"eot":   {"application/vnd.ms-fontobject", true},
	"otf":   {"font/otf", true},
	"ttf":   {"font/ttf", true},
	"woff":  {"font/woff", false},
	"woff2": {"font/woff2", false},

	"7z":   {"application/x-7z-compressed", false},
	"br":   {"application/octet-stream", false},
	"bz2":  {"application/x-bzip2", false},
	"doc":  {"application/msword", true},
	"docx": {"application/vnd.openxmlformats-officedocument.wordprocessingml.document", false},
	"epub": {"application/epub+zip", false},
	"gz":   {"application/gzip", false},
	"odp":  {"application/vnd.oasis.opendocument.presentation", false},
	"ods":  {"application/vnd.oasis.opendocument.spreadsheet", false},
	"odt":  {"application/vnd.oasis.opendocument.text", false},
	"pdf":  {"application/pdf", false},
	"ppt":  {"application/vnd.ms-powerpoint", true},
	"pptx": {"application/vnd.openxmlformats-officedocument.presentationml.presentation", false},
	"rtf":  {"application/rtf", true},
	"tar":  {"application/x-tar", true},
	"xls":  {"application/vnd.ms-excel", true},
	"xlsx": {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", false},
	"xz":   {"application/x-xz", false},
	"zip":  {"application/zip", false},
	"zst":  {"application/zstd", false},
}
