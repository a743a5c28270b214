package shared

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ErrNotJSON says that a text is not one JSON value in UTF-8.
var ErrNotJSON = errors.New("not one JSON value in UTF-8")

// CheckJSON reads one JSON value as strictly as an order has to be read, and
// names all that is wrong at once: a member that stands twice, nesting below
// MaxDepth, a NUL, a lost character (U+FFFD), and what a template engine
// leaves behind when a field is missing ("{{.", "<no value>"). Encoding/json
// alone would let all of them pass. Text that is no JSON at all is
// ErrNotJSON. Pointers are relative to the value.
func CheckJSON(data []byte) ([]Violation, error) {
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("%w: byte %d is not UTF-8", ErrNotJSON, firstInvalid(data))
	}
	if !json.Valid(data) {
		return nil, fmt.Errorf("%w%s", ErrNotJSON, whereBroken(data))
	}
	w := walk{dec: json.NewDecoder(bytes.NewReader(data))}
	w.dec.UseNumber()
	if err := w.value(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotJSON, err)
	}
	return w.found, nil
}

func firstInvalid(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(data)
}

func whereBroken(data []byte) string {
	var v json.RawMessage
	err := json.Unmarshal(data, &v)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Sprintf(": %s at byte %d", syntax.Error(), syntax.Offset)
	}
	return ""
}

// walk goes through valid JSON without recursion, so that depth costs nothing.
type walk struct {
	dec    *json.Decoder
	levels []level
	found  []Violation
	deep   bool
}

type level struct {
	object bool
	seen   map[string]bool
	key    string // the member we are in; empty before the first
	inKey  bool   // a key was read, its value comes next
	index  int
}

func (w *walk) value() error {
	for {
		t, err := w.dec.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case json.Delim:
			w.delim(t)
		case string:
			if top := w.top(); top != nil && top.object && !top.inKey {
				w.member(top, t)
				continue
			}
			w.text(t)
			w.done()
		default:
			w.done()
		}
	}
}

func (w *walk) top() *level {
	if len(w.levels) == 0 {
		return nil
	}
	return &w.levels[len(w.levels)-1]
}

func (w *walk) delim(d json.Delim) {
	if d == '}' || d == ']' {
		w.levels = w.levels[:len(w.levels)-1]
		w.done()
		return
	}
	if len(w.levels) == MaxDepth && !w.deep {
		w.deep = true
		w.add(fmt.Sprintf("is nested deeper than %d levels", MaxDepth))
	}
	l := level{object: d == '{'}
	if l.object {
		l.seen = map[string]bool{}
	}
	w.levels = append(w.levels, l)
}

func (w *walk) member(l *level, name string) {
	l.key, l.inKey = name, true
	if l.seen[name] {
		w.add("stands twice")
	}
	l.seen[name] = true
	if strings.ContainsRune(name, utf8.RuneError) || strings.ContainsRune(name, 0) {
		w.add("has a name that cannot be read")
	}
}

func (w *walk) done() {
	if l := w.top(); l != nil {
		l.index++
		l.inKey = false
	}
}

func (w *walk) text(s string) {
	switch {
	case strings.ContainsRune(s, 0):
		w.add("holds a NUL character")
	case strings.ContainsRune(s, utf8.RuneError):
		w.add("holds U+FFFD: a character was lost on the way here")
	case strings.Contains(s, "{{."):
		w.add("holds \"{{.\": a field was not filled in by the caller's template")
	case strings.Contains(s, "<no value>"):
		w.add("holds \"<no value>\": the caller's template found no such field")
	}
}

func (w *walk) add(message string) {
	var b strings.Builder
	for _, l := range w.levels {
		if l.object {
			b.WriteString(Pointer(l.key))
		} else {
			b.WriteString("/" + strconv.Itoa(l.index))
		}
	}
	w.found = append(w.found, Violation{Pointer: clip(b.String()), Message: message})
}

// Pointer is the JSON Pointer made of the given member names (RFC 6901).
func Pointer(names ...string) string {
	var b strings.Builder
	for _, n := range names {
		b.WriteByte('/')
		b.WriteString(pointerEscapes.Replace(n))
	}
	return clip(b.String())
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

// clip keeps a pointer made of a caller's words from filling an event.
func clip(s string) string {
	const most = 256
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
