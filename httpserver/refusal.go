// refusal.go lists each reason for which the engine itself answers a request, with the status of that answer. A handler
// never sees such a request, and nothing after it on the connection is read as one.

package httpserver

// refusal is a reason not to serve a request, or not to go on with one.
type refusal struct {
	status int
	reason string
}

func (r *refusal) Error() string { return "read request: " + r.reason }

var (
	refuseBareLF      = &refusal{400, "a line does not end with CR LF"}
	refuseEmptyLine   = &refusal{400, "empty lines before the request line"}
	refuseLine        = &refusal{400, "the request line is not method, target and HTTP/1.x with one space between"}
	refuseMethod      = &refusal{400, "the method is not a token"}
	refuseTarget      = &refusal{400, "the target is of no known form or has invalid characters"}
	refuseVersion     = &refusal{505, "the version is not HTTP/1.x"}
	refuseOld         = &refusal{505, "only HTTP/2 is spoken here"}
	refuseLongLine    = &refusal{414, "the request line is too long"}
	refuseLongHead    = &refusal{431, "the head is too long"}
	refuseManyFields  = &refusal{431, "the head has too many fields"}
	refuseField       = &refusal{400, "a field is not a name, a colon and a value"}
	refuseFold        = &refusal{400, "a field is folded over several lines"}
	refuseValue       = &refusal{400, "a field value has control characters"}
	refuseNoHost      = &refusal{400, "the Host field is missing"}
	refuseHosts       = &refusal{400, "the Host field is repeated"}
	refuseHost        = &refusal{400, "the host is invalid"}
	refuseOtherHost   = &refusal{400, "the Host field and the authority are not the same"}
	refuseLength      = &refusal{400, "the Content-Length is not one number"}
	refuseLengthAndTE = &refusal{400, "Content-Length and Transfer-Encoding exclude each other"}
	refuseOldTE       = &refusal{400, "HTTP/1.0 has no Transfer-Encoding"}
	refuseTE          = &refusal{400, "the Transfer-Encoding is not one \"chunked\""}
	refuseCoding      = &refusal{501, "the Transfer-Encoding is not \"chunked\""}
	refuseProtocol    = &refusal{501, "the protocol is not \"websocket\""}
	refuseExpect      = &refusal{417, "the expectation is not \"100-continue\""}
	refuseBigBody     = &refusal{413, "the body is too large"}
	refuseChunk       = &refusal{400, "a chunk is malformed"}
	refuseExtensions  = &refusal{400, "the chunk extensions and trailers are too long"}
	refuseTrailer     = &refusal{400, "a trailer is malformed"}
	refuseEarlyEnd    = &refusal{400, "the connection ended within the request"}
	refuseClear       = &refusal{400, "this port speaks TLS: use https"}
	refuseSlowHead    = &refusal{408, "the head did not arrive in time"}
	refuseSlowBody    = &refusal{408, "the body did not arrive in time"}
)
