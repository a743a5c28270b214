package plugin

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// markBits is how many blanks and tabs follow the body's first brace: a blank
// is 0, a tab is 1, the highest bit first. To JSON they are white space. That
// KSC keeps them, and that the console reads such a body, has not been seen
// from a live server.
const markBits = 64

// newNonce is a request's name that nobody else has, 16 hex digits.
func newNonce() string {
	var b [markBits / 8]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return fmt.Sprintf("%016x", binary.BigEndian.Uint64(b[:]))
}

// marked spells a nonce into an incident's body, so that it can be told from
// every other with the same content. Without a nonce the body stays as it is.
func marked(body, nonce string) string {
	n, err := strconv.ParseUint(nonce, 16, markBits)
	if err != nil || !strings.HasPrefix(body, "{") {
		return body
	}
	var b strings.Builder
	b.WriteByte('{')
	for bit := markBits - 1; bit >= 0; bit-- {
		b.WriteByte(" \t"[n>>bit&1])
	}
	b.WriteString(body[1:])
	return b.String()
}

// nonceOf reads what marked spelt. A body with less white space has none.
func nonceOf(body string) (nonce string, ok bool) {
	if len(body) <= markBits || body[0] != '{' {
		return "", false
	}
	var n uint64
	for _, c := range []byte(body[1 : 1+markBits]) {
		n <<= 1
		switch c {
		case '\t':
			n |= 1
		case ' ':
		default:
			return "", false
		}
	}
	return fmt.Sprintf("%016x", n), true
}
