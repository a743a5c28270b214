package task

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// generated is a schema from which JSON is drawn: mostly what it demands, now
// and then something beside it.
type generated struct {
	Type       string               `json:"type"`
	Enum       []json.RawMessage    `json:"enum"`
	Pattern    string               `json:"pattern"`
	MaxLength  int                  `json:"maxLength"`
	Properties map[string]generated `json:"properties"`
	Required   []string             `json:"required"`
	Items      *generated           `json:"items"`
}

func oneIn(t *rapid.T, n int) bool { return rapid.IntRange(1, n).Draw(t, "one in") == n }

func pick(t *rapid.T, all ...string) string { return rapid.SampledFrom(all).Draw(t, "value") }

// draw gives JSON text, not a value: numbers keep their spelling, and members
// may stand twice.
func (s generated) draw(t *rapid.T) string {
	if oneIn(t, 40) {
		return pick(t, "null", "true", "false", "0", "1", "-1", "1.5", "1e-400", `""`, `"x"`, "[]", "{}", "[{}]", `[null]`, `{"a":{"b":[1]}}`)
	}
	switch s.Type {
	case "object":
		return s.object(t)
	case "array":
		return s.array(t)
	case "boolean":
		return pick(t, "true", "false")
	case "integer":
		return s.integer(t)
	}
	text, err := json.Marshal(s.text(t))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (s generated) object(t *rapid.T) string {
	needed := map[string]bool{}
	for _, name := range s.Required {
		needed[name] = true
	}
	var names, parts []string
	for name := range s.Properties {
		names = append(names, name)
	}
	// A map's order is random, and what is drawn must follow from the seed.
	names = rapid.Permutation(sorted(names)).Draw(t, "order")
	fits := s.fitting(t)
	for _, name := range names {
		if needed[name] && oneIn(t, 40) || !needed[name] && oneIn(t, 2) {
			continue
		}
		value := s.Properties[name].draw(t)
		if fit, ok := fits[name]; ok && !oneIn(t, 20) {
			value = fit
		}
		parts = append(parts, fmt.Sprintf("%q:%s", name, value))
		switch {
		case oneIn(t, 60):
			parts = append(parts, fmt.Sprintf("%q:%s", name, value))
		case oneIn(t, 60):
			parts = append(parts, fmt.Sprintf("%q:%s", pick(t, strings.ToUpper(name), name+" ", "x", "", "~", "a/b"), value))
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// fitting are values that suit each other, for members of which neither a
// schema nor chance knows that they have to.
func (s generated) fitting(t *rapid.T) map[string]string {
	if _, scan := s.Properties["recursive"]; !scan {
		return nil
	}
	if oneIn(t, 2) {
		return map[string]string{"type": pick(t, "22", "22.0", "220e-1"), "path": pick(t, `"C:\\Temp"`, `"%TEMP%\\x"`, `"D:\\"`)}
	}
	return map[string]string{"type": pick(t, "14", "15", "18.0", "25"), "path": `""`}
}

func (s generated) array(t *rapid.T) string {
	n := rapid.IntRange(0, 4).Draw(t, "items")
	if oneIn(t, 100) {
		n = rapid.SampledFrom([]int{64, 65}).Draw(t, "items")
	}
	var items []string
	for range n {
		items = append(items, s.Items.draw(t))
	}
	return "[" + strings.Join(items, ",") + "]"
}

func (s generated) integer(t *rapid.T) string {
	n := string(rapid.SampledFrom(s.Enum).Draw(t, "enum"))
	if oneIn(t, 4) {
		n = fmt.Sprint(rapid.IntRange(-30, 30).Draw(t, "number"))
	}
	if oneIn(t, 8) {
		return pick(t, "1e-400", "-0", "0e400", "1e400", "-1e-300", "18446744073709551616", "4294967296", "9007199254740993")
	}
	return n + pick(t, "", "", "", ".0", "e0", "E-0", ".0e-0", ".5", ".00000000000000000000000000001", "e-30", "e1", ".0e+0")
}

func (s generated) text(t *rapid.T) string {
	if s.Pattern != "" {
		return hexadecimal(t, s.Pattern)
	}
	if s.MaxLength == 0 {
		return archiveText(t)
	}
	text := pick(t, "", "", `C:\Windows\Temp\eicar.com`, `c:/x`, `\\server\share\x`, `%TEMP%\x`, `C:\Users\Иванов\счёт.exe`, "C:\\\u2028\U0001f600", `C:\a&b`, `C:\Windows\`, `D:\`)
	switch {
	case oneIn(t, 8):
		return text + pick(t, "*", "?", `\..\x`, ".", " ", ":s", "\t", "\x00", "\ufffd", "{{.X}}", "<no value>", `\\x`, `"`, "<", "\u0085", "%x%")
	case oneIn(t, 8):
		return rapid.String().Draw(t, "text")
	case oneIn(t, 300):
		long := `C:\` + strings.Repeat(pick(t, "a", "я", "\U0001f600"), rapid.SampledFrom([]int{16382, 16383, s.MaxLength - 4, s.MaxLength - 3, s.MaxLength - 2}).Draw(t, "length"))
		return long
	}
	return text
}

// hexadecimal gives a hash as the pattern wants it, or one that is off by a
// digit, a letter or a kind.
func hexadecimal(t *rapid.T, pattern string) string {
	f := sampleFile()
	right, other := f.MD5, f.SHA256
	if strings.Contains(pattern, "64") {
		right, other = other, right
	}
	if oneIn(t, 12) {
		at := rapid.IntRange(0, len(right)-1).Draw(t, "at")
		return right[:at] + pick(t, "", "00", "g", " ", "\n", "а", "１", "/", ":", "@", "G", "`", "-") + right[at+1:]
	}
	return pick(t, "", right, right, right, right, strings.ToUpper(right), strings.ToUpper(right), other, right+"\n", right[1:], right+"0")
}

func archiveText(t *rapid.T) string {
	data, err := zipped([]File{{Name: "a.ioc", Data: []byte(sampleIOC)}})
	if err != nil {
		t.Fatal(err)
	}
	good := base64.StdEncoding.EncodeToString(data)
	return pick(t, good, good, good, good, "", "UEsD", "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==", `C:\iocs.zip`, good+"\n", good[1:], "\U0001f600")
}

func sorted(names []string) []string {
	slices.Sort(names)
	return names
}
