package shared

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// ErrNotJSON says that a text is not one JSON value in UTF-8.
var ErrNotJSON = errors.New("not one JSON value in UTF-8")

// CheckJSON reads one JSON value as strictly as an order has to be read, and
// names all that is wrong at once: a member that stands twice, nesting below
// MaxDepth, a NUL, a lost character (U+FFFD), and what a template engine
// leaves behind when a field is missing ("{{.", "<no value>"). Encoding/json
// alone would let all of them pass. Text that is no JSON at all is
// ErrNotJSON. Pointers are relative to the value. Time and memory are in
// proportion to the text, so the list ends after the first hundred.
func CheckJSON(data []byte) ([]Violation, error) {
	w, err := inspect(data)
	return w.found, err
}

func inspect(data []byte) (walk, error) {
	if !utf8.Valid(data) {
		return walk{}, fmt.Errorf("%w: byte %d is not UTF-8", ErrNotJSON, firstInvalid(data))
	}
	if !json.Valid(data) {
		return walk{}, fmt.Errorf("%w%s", ErrNotJSON, whereBroken(data))
	}
	w := walk{data: data}
	w.run()
	return w, nil
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

// mostFound is how many violations are kept of one value; the rest are counted.
const mostFound = 5 * MaxListed

// walk goes through JSON that is known to be valid, so that it need not look
// at the grammar again, and without recursion, so that depth costs nothing. It
// goes over the bytes because json.Decoder made reading a large request take
// two to three times as long and five times the memory, while others wait.
type walk struct {
	data   []byte
	levels []level
	deep   bool

	found   []Violation
	omitted int    // how many more there are
	idFlaw  string // what is wrong with the member "id" of the outermost object
}

// level is an object or array that we are in. Its keys are reused by the next
// one of the same depth.
type level struct {
	object bool
	value  bool // in an object: the key was read, its value comes
	key    []byte
	index  int
	keys   [][]byte            // the first members' names
	more   map[string]struct{} // the names of the others
}

func (w *walk) run() {
	for i := 0; i < len(w.data); i++ {
		switch w.data[i] {
		case '{', '[':
			w.open(w.data[i] == '{')
		case '}', ']':
			w.levels = w.levels[:len(w.levels)-1]
		case ':':
			w.top().value = true
		case ',':
			w.top().value = false
			w.top().index++
		case '"':
			i = w.str(i)
		}
	}
}

func (w *walk) top() *level { return &w.levels[len(w.levels)-1] }

func (w *walk) open(object bool) {
	if len(w.levels) == MaxDepth && !w.deep {
		w.deep = true
		w.add(fmt.Sprintf("is nested deeper than %d levels", MaxDepth))
	}
	if n := len(w.levels); n < cap(w.levels) {
		w.levels = w.levels[:n+1]
		l := w.top()
		*l = level{object: object, keys: l.keys[:0]}
		return
	}
	w.levels = append(w.levels, level{object: object})
}

// str takes the string that begins at i and gives the place of its last quote.
func (w *walk) str(i int) int {
	end, escaped := i+1, false
	for ; w.data[end] != '"'; end++ {
		if w.data[end] == '\\' {
			escaped = true
			end++
		}
	}
	s := w.data[i+1 : end]
	if escaped {
		var text string
		if json.Unmarshal(w.data[i:end+1], &text) == nil { // valid JSON always is
			s = []byte(text)
		}
	}
	if len(w.levels) > 0 && w.top().object && !w.top().value {
		w.member(w.top(), s)
	} else {
		w.text(s)
	}
	return end
}

func (w *walk) member(l *level, name []byte) {
	l.key = name
	if l.has(name) {
		w.add("stands twice")
	}
	if lost(name) || bytes.IndexByte(name, 0) >= 0 {
		w.add("has a name that cannot be read")
	}
}

// has says whether a member of this name was there before, and remembers it.
func (l *level) has(name []byte) bool {
	const few = 16
	for _, k := range l.keys {
		if bytes.Equal(k, name) {
			return true
		}
	}
	if len(l.keys) < few {
		l.keys = append(l.keys, name)
		return false
	}
	if l.more == nil {
		l.more = map[string]struct{}{}
	}
	before := len(l.more)
	l.more[string(name)] = struct{}{}
	return len(l.more) == before
}

func (w *walk) text(s []byte) {
	switch {
	case bytes.IndexByte(s, 0) >= 0:
		w.add("holds a NUL character")
	case lost(s):
		w.add("holds U+FFFD: a character was lost on the way here")
	case bytes.Contains(s, []byte("{{.")):
		w.add("holds \"{{.\": a field was not filled in by the caller's template")
	case bytes.Contains(s, []byte("<no value>")):
		w.add("holds \"<no value>\": the caller's template found no such field")
	}
}

func lost(s []byte) bool { return bytes.Contains(s, []byte("\uFFFD")) }

// add notes what is wrong at the place where we are.
func (w *walk) add(message string) {
	if len(w.levels) == 1 && w.idFlaw == "" && string(w.levels[0].key) == "id" {
		w.idFlaw = message
	}
	if len(w.found) == mostFound {
		w.omitted++
		return
	}
	var pointer []byte
	for _, l := range w.levels {
		if len(pointer) > longestPointer {
			break
		}
		if l.object {
			key := l.key
			pointer = append(pointer, Pointer(string(key[:min(len(key), longestPointer+utf8.UTFMax)]))...)
		} else {
			pointer = strconv.AppendInt(append(pointer, '/'), int64(l.index), 10)
		}
	}
	w.found = append(w.found, Violation{Pointer: clip(string(pointer)), Message: message})
}
