package task

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

const maxXMLDepth = 256

var (
	errNotXML   = errors.New("is not well-formed XML in UTF-8")
	errEncoding = errors.New("is declared to be in an encoding other than UTF-8 and US-ASCII")
)

// checkXML demands well-formed OpenIOC 1.0 or 1.1 without a document type:
// entities of its own could read files or grow without end. It returns the id,
// in the form in which ids are compared.
func checkXML(data []byte) (id string, err error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	x := openIOC{dec: xml.NewDecoder(bytes.NewReader(data)), spaces: map[string]int{}}
	x.dec.CharsetReader = func(label string, in io.Reader) (io.Reader, error) {
		if strings.EqualFold(label, "us-ascii") && !bytes.ContainsFunc(data, func(r rune) bool { return r > 0x7f }) {
			return in, nil
		}
		x.encoding = true
		return nil, errEncoding
	}
	for first := true; ; first = false {
		token, err := x.dec.Token()
		switch {
		case err == io.EOF && x.roots == 1:
			return x.id, nil
		case x.encoding:
			return "", errEncoding
		case err != nil:
			return "", errNotXML
		}
		if err := x.take(token, first); err != nil {
			return "", err
		}
	}
}

// openIOC adds what encoding/xml leaves out: one outermost element, no text
// beside it, no attribute twice, every prefix declared, the XML declaration at
// the beginning only. A reader that keeps to the rules refuses the file for any
// of them, and then the scan finds nothing.
type openIOC struct {
	dec      *xml.Decoder
	id       string
	roots    int
	encoding bool           // it was refused for its encoding
	open     [][]string     // the name spaces that each open element declares
	spaces   map[string]int // how many open elements declare one
}

func (x *openIOC) take(token xml.Token, first bool) error {
	switch t := token.(type) {
	case xml.Directive:
		return errors.New("declares a document type, which is not taken")
	case xml.ProcInst:
		if strings.EqualFold(t.Target, "xml") && !first {
			return errNotXML
		}
	case xml.StartElement:
		return x.start(t)
	case xml.EndElement:
		last := len(x.open) - 1
		for _, space := range x.open[last] {
			x.spaces[space]--
		}
		x.open = x.open[:last]
	case xml.CharData:
		if len(x.open) == 0 && len(bytes.Trim(t, " \t\r\n")) > 0 {
			return errNotXML
		}
	}
	return nil
}

func (x *openIOC) start(t xml.StartElement) (err error) {
	if len(x.open) == maxXMLDepth {
		return fmt.Errorf("is nested deeper than %d elements", maxXMLDepth)
	}
	if len(x.open) == 0 {
		if x.roots++; x.roots > 1 {
			return errNotXML
		}
		if x.id, err = rootID(t); err != nil {
			return err
		}
	}
	var declared []string
	for _, a := range t.Attr {
		if a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns" {
			declared = append(declared, a.Value)
			x.spaces[a.Value]++
		}
	}
	x.open = append(x.open, declared)
	if !x.known(t.Name.Space) || twice(t.Attr) {
		return errNotXML
	}
	for _, a := range t.Attr {
		if a.Name.Space != "xmlns" && !x.known(a.Name.Space) {
			return errNotXML
		}
	}
	return nil
}

// known says whether a prefix was declared; the decoder leaves it in the place
// of its name space where it was not.
func (x *openIOC) known(space string) bool {
	return space == "" || space == "http://www.w3.org/XML/1998/namespace" || x.spaces[space] > 0
}

func twice(attributes []xml.Attr) bool {
	if len(attributes) < 8 {
		for i, a := range attributes {
			if slices.ContainsFunc(attributes[:i], func(b xml.Attr) bool { return a.Name == b.Name }) {
				return true
			}
		}
		return false
	}
	seen := make(map[xml.Name]bool, len(attributes))
	for _, a := range attributes {
		if seen[a.Name] {
			return true
		}
		seen[a.Name] = true
	}
	return false
}

func rootID(root xml.StartElement) (string, error) {
	if root.Name.Local != "ioc" && root.Name.Local != "OpenIOC" {
		return "", errors.New("is XML, but no OpenIOC: its outermost element is neither ioc nor OpenIOC")
	}
	for _, a := range root.Attr {
		if id := strings.TrimSpace(a.Value); a.Name.Local == "id" && a.Name.Space == "" && id != "" {
			return strings.ToLower(id), nil
		}
	}
	return "", errors.New("has no id; the ids of the files must be unique")
}
