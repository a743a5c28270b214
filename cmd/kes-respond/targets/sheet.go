package targets

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/kes-respond/kes-respond/shared"
)

// hostColumn is the column of a CSV file that names the host.
const hostColumn = "targetHost"

// sheet is a file of targets as it was read: each line a host, and in CSV the
// parameters that differ from line to line.
type sheet struct {
	columns []string // besides the host's; none of a plain file
	rows    []sheetRow
	flaws   flaws
}

// sheetRow is one line that names a host.
type sheetRow struct {
	line  int
	host  string
	cells []string // of the sheet's columns
}

// flaws are lines that are wrong.
type flaws struct {
	file string
	all  []flaw
}

type flaw struct {
	line int
	text string
}

// add names one line.
func (f *flaws) add(line int, format string, args ...any) {
	f.all = append(f.all, flaw{line, fmt.Sprintf("line %d: %s", line, fmt.Sprintf(format, args...))})
}

// listed are the first shared.MaxListed of them in the order of the file, and how
// many more there are.
func (f *flaws) listed() (n Notes) {
	slices.SortStableFunc(f.all, func(a, b flaw) int { return a.line - b.line })
	for _, one := range f.all[:min(len(f.all), shared.MaxListed)] {
		n.First = append(n.First, one.text)
	}
	n.More = len(f.all) - len(n.First)
	return n
}

func (f *flaws) Error() string {
	n := f.listed()
	text := f.file + " has lines that are wrong; nothing was sent:\n  " + strings.Join(n.First, "\n  ")
	if n.More > 0 {
		text += fmt.Sprintf("\n  and %d more", n.More)
	}
	return text
}

// parse reads a plain list, a host a line, or CSV, which is known by a
// first line that has a column targetHost. Blank lines, and lines whose first
// character that is no blank is "#", say nothing in both.
func parse(name string, data []byte) (sheet, error) {
	text, err := decoded(data)
	if err != nil {
		return sheet{}, fmt.Errorf("%s %w", name, err)
	}
	sh := sheet{flaws: flaws{file: name}}
	if comma, is := headed(text); is {
		err = sh.readCSV(text, comma)
	} else {
		sh.readPlain(text)
	}
	switch {
	case err != nil:
		return sheet{}, fmt.Errorf("%s: %w", name, err)
	case len(sh.rows) > Max:
		return sheet{}, fmt.Errorf("%s names more than %d targets: part it", name, Max)
	case len(sh.rows) == 0 && len(sh.flaws.all) == 0:
		return sheet{}, fmt.Errorf("%s names no target", name)
	}
	return sh, nil
}

// decoded is a text in UTF-8, whatever a spreadsheet or PowerShell wrote.
func decoded(data []byte) (string, error) {
	order := func(b []byte) uint16 { return uint16(b[0]) | uint16(b[1])<<8 }
	switch {
	case bytes.HasPrefix(data, []byte{0xFF, 0xFE}):
	case bytes.HasPrefix(data, []byte{0xFE, 0xFF}):
		order = func(b []byte) uint16 { return uint16(b[1]) | uint16(b[0])<<8 }
	default:
		data = bytes.TrimPrefix(data, []byte("\ufeff"))
		if !utf8.Valid(data) {
			return "", errors.New("is neither UTF-8 nor UTF-16 with its mark")
		}
		return string(data), nil
	}
	if data = data[2:]; len(data)%2 != 0 {
		return "", errors.New("is UTF-16 and ends within a character")
	}
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = order(data[2*i:])
	}
	return string(utf16.Decode(units)), nil
}

// silent says that a line says nothing: it is blank, a spreadsheet's empty row, or
// its first character is "#".
func silent(line string) bool {
	line = strings.TrimSpace(line)
	return line == "" || line[0] == '#' || strings.Trim(line, ",; \t") == ""
}

// telling has nothing on the lines that say nothing, and as many lines: what is
// inside of quotes stays.
func telling(text string) string {
	var b strings.Builder
	quoted := false
	for line := range strings.Lines(text) {
		if !quoted && silent(line) {
			b.WriteString("\n")
			continue
		}
		b.WriteString(line)
		quoted = quoted != (strings.Count(line, `"`)%2 != 0)
	}
	return b.String()
}

// headed looks whether the first line that says something is a header, and what
// parts its columns.
func headed(text string) (comma rune, is bool) {
	for line := range strings.Lines(text) {
		if silent(line) {
			continue
		}
		for _, comma := range ",;\t" {
			for _, name := range strings.Split(strings.TrimSpace(line), string(comma)) {
				if strings.EqualFold(strings.Trim(name, " \""), hostColumn) {
					return comma, true
				}
			}
		}
		break
	}
	return 0, false
}

func (sh *sheet) readPlain(text string) {
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case strings.ContainsAny(line, ",;\t"): // it is not quoted: a column may hold what is secret
			at := strings.IndexAny(line, ",;\t")
			sh.flaws.add(number, "has %q, which is in no name of a host; a file with columns needs a first line that names them, with %s among them", line[at:at+1], hostColumn)
		default:
			sh.rows = append(sh.rows, sheetRow{line: number, host: line})
		}
	}
}

// readCSV reads the columns by the names in the first record.
func (sh *sheet) readCSV(text string, comma rune) error {
	r := csv.NewReader(strings.NewReader(telling(text)))
	r.Comma, r.FieldsPerRecord = comma, -1
	header, err := r.Read()
	if err != nil {
		return fmt.Errorf("its header: %w", err)
	}
	for i, name := range header {
		header[i] = strings.TrimSpace(name)
		if header[i] == "" || slices.Contains(header[:i], header[i]) {
			return fmt.Errorf("its header has a column %q that has no name or stands twice", header[i])
		}
	}
	host := slices.Index(header, hostColumn)
	if host < 0 {
		return fmt.Errorf("its header has no column %s; it is spelt so", hostColumn)
	}
	sh.columns = slices.Delete(slices.Clone(header), host, host+1)
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if wrong, ok := errors.AsType[*csv.ParseError](err); ok {
			sh.flaws.add(wrong.Line, "%v", wrong.Err)
			continue
		} else if err != nil {
			return err
		}
		line, _ := r.FieldPos(0)
		switch {
		case strings.TrimSpace(strings.Join(record, "")) == "": // a spreadsheet's empty row, quoted
		case len(record) != len(header):
			sh.flaws.add(line, "has %d columns, and the header has %d", len(record), len(header))
		default:
			sh.rows = append(sh.rows, sheetRow{line, strings.TrimSpace(record[host]), slices.Delete(record, host, host+1)})
		}
	}
}
