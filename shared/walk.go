package shared

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"
)

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
	values int    // members and items so far
	text   []byte // the last text that had escapes

	// The members of the outermost object, those beyond MaxValues left out
	// save id and type; the last one's value begins at begin.
	outer map[string]json.RawMessage
	begin int

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
			w.open(i)
		case '}', ']':
			w.keep(i)
			w.levels = w.levels[:len(w.levels)-1]
		case ':':
			w.values++
			w.top().value = true
			if len(w.levels) == 1 {
				w.begin = i + 1
			}
		case ',':
			w.keep(i)
			l := w.top()
			if !l.object {
				w.values++
			}
			l.value = false
			l.index++
		case '"':
			i = w.str(i)
		}
	}
	if w.crowded() {
		w.found = slices.Insert(w.found, 0, Violation{Message: fmt.Sprintf("holds more than %d members and items", MaxValues)})
	}
}

// crowded says that there is more than anybody should make a tree of.
func (w *walk) crowded() bool { return w.values > MaxValues }

func (w *walk) top() *level { return &w.levels[len(w.levels)-1] }

func (w *walk) open(i int) {
	if len(w.levels) == MaxDepth && !w.deep {
		w.deep = true
		w.add(fmt.Sprintf("is nested deeper than %d levels", MaxDepth))
	}
	object := w.data[i] == '{'
	if !object && bytes.TrimLeft(w.data[i+1:], blanks)[0] != ']' {
		w.values++
	}
	if n := len(w.levels); n < cap(w.levels) {
		w.levels = w.levels[:n+1]
		l := w.top()
		*l = level{object: object, keys: l.keys[:0]}
		return
	}
	w.levels = append(w.levels, level{object: object})
}

// blanks are the characters that JSON has between its parts.
const blanks = " \t\r\n"

// keep notes the value of a member of the outermost object, which ends at i.
func (w *walk) keep(i int) {
	l := w.top()
	if len(w.levels) != 1 || !l.object || !l.value {
		return
	}
	if _, known := w.outer[string(l.key)]; known {
		w.outer[string(l.key)] = bytes.Trim(w.data[w.begin:i], blanks)
	}
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
		w.text = unescape(w.text[:0], s)
		s = w.text
	}
	if len(w.levels) > 0 && w.top().object && !w.top().value {
		if escaped {
			s = bytes.Clone(s)
		}
		w.member(s)
	} else {
		w.check(s)
	}
	return end
}

// member takes a member's name. Once there are too many only the id is looked
// for: an answer needs it.
func (w *walk) member(name []byte) {
	l := w.top()
	l.key = name
	if w.has(l, name) {
		w.add("stands twice")
	}
	if lost(name) || bytes.IndexByte(name, 0) >= 0 {
		w.add("has a name that cannot be read")
	}
}

// has says whether a member of this name was there before, and remembers it.
func (w *walk) has(l *level, name []byte) bool {
	if len(w.levels) == 1 {
		_, twice := w.outer[string(name)]
		switch {
		case twice:
			return !w.crowded() || string(name) == "id"
		case w.outer == nil:
			w.outer = map[string]json.RawMessage{}
		}
		if !w.crowded() || string(name) == "id" || string(name) == "type" {
			w.outer[string(name)] = nil
		}
		return false
	}
	if w.crowded() {
		return false
	}
	return l.has(name)
}

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

func (w *walk) check(s []byte) {
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
	w.found = append(w.found, Violation{Pointer: w.place(), Message: message})
}

func (w *walk) place() string {
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
	return clip(string(pointer))
}
