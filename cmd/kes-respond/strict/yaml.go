package strict

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/kes-respond/kes-respond/shared"
)

// yamlText is a YAML document as JSON, written member for member: what stands
// twice stays there twice, for the strict check to find. YAML that means
// something else than it seems to is named in found, by pointers into the
// JSON; no value is quoted.
type yamlText struct {
	json  bytes.Buffer
	lines map[string]int // where each pointer stands in the file
	found []shared.Violation
}

// tagged is what is wrong with a tag; it does not say which one.
const tagged = "has a tag, which is not taken here: leave it out, or put the whole in quotes if '!' begins a text"

// anchorName is what the parser quotes of a value that begins with '*'.
var anchorName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`anchor '.*' referenced`) })

// readYAML reads one document; nil is a file without any.
func readYAML(data []byte) (*yamlText, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, errors.New(anchorName().ReplaceAllString(err.Error(), "alias; a text that begins with '*' needs quotes"))
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, errors.New("yaml: it holds more than one document, of which only the first would count")
	}
	root := doc.Content[0]
	if root.ShortTag() == "!!null" {
		return nil, nil
	}
	y := &yamlText{lines: map[string]int{}}
	y.value("", root, 1)
	return y, nil
}

func (y *yamlText) wrong(at, message string) {
	y.found = append(y.found, shared.Violation{Pointer: at, Message: message})
	y.json.WriteString("null")
}

func (y *yamlText) value(at string, n *yaml.Node, depth int) {
	y.lines[at] = n.Line
	switch {
	case depth > shared.MaxDepth:
		y.wrong(at, "is nested too deep")
	case n.Kind == yaml.MappingNode && n.ShortTag() == "!!map":
		y.mapping(at, n, depth)
	case n.Kind == yaml.SequenceNode && n.ShortTag() == "!!seq":
		y.json.WriteByte('[')
		for i, one := range n.Content {
			if i > 0 {
				y.json.WriteByte(',')
			}
			y.value(at+"/"+strconv.Itoa(i), one, depth+1)
		}
		y.json.WriteByte(']')
	case n.Kind == yaml.ScalarNode:
		y.scalar(at, n)
	case n.Kind == yaml.AliasNode:
		y.wrong(at, "is an alias, which is not taken here: write it out, or put it in quotes if '*' begins a text")
	default:
		y.wrong(at, tagged)
	}
}

func (y *yamlText) mapping(at string, n *yaml.Node, depth int) {
	y.json.WriteByte('{')
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if i > 0 {
			y.json.WriteByte(',')
		}
		name, _ := json.Marshal(key.Value) // a string always can be written
		y.json.Write(name)
		y.json.WriteByte(':')
		below := at + shared.Pointer(key.Value)
		switch {
		case key.ShortTag() == "!!merge":
			y.lines[below] = key.Line
			y.wrong(below, "is a merge key, which is not taken here: write the settings out")
		case key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str":
			y.lines[below] = key.Line
			y.wrong(below, "has a name that YAML does not read as text: put it in quotes")
		case strings.EqualFold(key.Value, neverHere):
			y.lines[below] = key.Line
			y.json.WriteString("null") // refused by its name: what YAML makes of a password is nothing to tell of
		default:
			y.value(below, n.Content[i+1], depth+1)
			y.lines[below] = key.Line
		}
	}
	y.json.WriteByte('}')
}

func (y *yamlText) scalar(at string, n *yaml.Node) {
	switch n.ShortTag() {
	case "!!str":
		text, _ := json.Marshal(n.Value) // a string always can be written
		y.json.Write(text)
	case "!!null":
		y.wrong(at, "has no value: give it one, or leave the setting out")
	case "!!bool":
		var v bool
		if n.Decode(&v) != nil {
			y.wrong(at, "is neither true nor false")
			return
		}
		y.json.WriteString(strconv.FormatBool(v))
	case "!!int", "!!float":
		if _, err := strconv.ParseFloat(n.Value, 64); err != nil || !json.Valid([]byte(n.Value)) {
			// 013000 is octal, 13_299 has a blank, .inf and 1e999 are none.
			y.wrong(at, "is a number that YAML reads otherwise than it looks: write it plainly, or put it in quotes")
			return
		}
		y.json.WriteString(n.Value)
	case "!!timestamp", "!!binary":
		y.wrong(at, "is read by YAML as "+n.ShortTag()+": put it in quotes")
	default: // a tag may be all of a value that begins with '!'
		y.wrong(at, tagged)
	}
}
